import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { Ledger, LedgerReader } from "../../src/ledger/ledger.ts";
import { verifyChain } from "../../src/ledger/verify.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

function filled(db: Database, entries: number): Ledger {
  const ledger = new Ledger(db, new TestClock());
  for (let n = 1; n <= entries; n++) {
    ledger.intend({ class: "tracking", records: `seq ${n}`, policy: "p", body: utf8(`payload ${n}`) });
  }
  return ledger;
}

const verify = (db: Database) => verifyChain(new LedgerReader(db).entries());

Deno.test("an untouched ledger is whole, and its head is the hash of the last entry", () => {
  using home = temporaryDatabase();
  filled(home.db, 5);
  const last = new LedgerReader(home.db).newest(1)[0];
  assertEquals(verify(home.db), { entries: 5, head: last!.hash, fault: undefined });
});

const TAMPERINGS: [string, string, number, RegExp][] = [
  [
    "a changed body",
    "UPDATE ledger SET body = CAST('payload X' AS BLOB) WHERE number = 3",
    3,
    /body was changed/,
  ],
  [
    "a body of another length",
    "UPDATE ledger SET body = CAST('x' AS BLOB) WHERE number = 3",
    3,
    /another length/,
  ],
  ["a changed class", "UPDATE ledger SET class = 'status' WHERE number = 2", 2, /fields were changed/],
  ["a changed time", "UPDATE ledger SET time = time + 1 WHERE number = 4", 4, /fields were changed/],
  ["a removed entry", "DELETE FROM ledger WHERE number = 3", 4, /entry 3 is missing/],
  ["a removed first entry", "DELETE FROM ledger WHERE number = 1", 2, /entry 1 is missing/],
  [
    "two entries that changed places",
    "UPDATE ledger SET number = 99 WHERE number = 2; UPDATE ledger SET number = 2 WHERE number = 3; " +
    "UPDATE ledger SET number = 3 WHERE number = 99",
    2,
    /changed or swapped/,
  ],
];

for (const [what, sql, number, reason] of TAMPERINGS) {
  Deno.test(`${what} is found and named`, () => {
    using home = temporaryDatabase();
    filled(home.db, 5);
    home.db.exec(sql);
    const { fault } = verify(home.db);
    assertEquals(fault?.number, number);
    assert(reason.test(fault!.reason), fault!.reason);
  });
}

Deno.test("a receipt stands beside its entry and leaves the chain as it is", () => {
  using home = temporaryDatabase();
  const ledger = filled(home.db, 2);
  const before = verify(home.db);
  ledger.acknowledge(2);
  assertEquals(verify(home.db), before);
  assertEquals(new LedgerReader(home.db).newest(2).map(({ acknowledged }) => acknowledged !== null), [
    false,
    true,
  ]);
});

Deno.test("the body that is shown is the body that was sent", () => {
  using home = temporaryDatabase();
  filled(home.db, 1);
  assertEquals(new Uint8Array(new LedgerReader(home.db).body(1)!), utf8("payload 1"));
});
