import { assertEquals, assertThrows } from "@std/assert";
import { sha256Hex } from "../../src/base/digest.ts";
import { utf8 } from "../../src/base/encoding.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { canonicalJson } from "../../src/base/json.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { migrate, openDatabase, openReadOnly } from "../../src/base/sqlite.ts";
import { GENESIS } from "../../src/ledger/entry.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { temporaryDatabase } from "../support/home.ts";
import { CA, heartbeat, TestLedger } from "./support.ts";

/** The tables of the first version, as homes from then have them. */
const FIRST = `CREATE TABLE ledger (
     number INTEGER PRIMARY KEY,
     time INTEGER NOT NULL,
     class TEXT NOT NULL,
     records TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     policy TEXT NOT NULL,
     previous TEXT NOT NULL,
     hash TEXT NOT NULL,
     body BLOB NOT NULL
   ) STRICT;
   CREATE TABLE ledger_receipts (
     number INTEGER PRIMARY KEY REFERENCES ledger (number),
     time INTEGER NOT NULL
   ) STRICT;`;

/** A ledger as the first version wrote it; gives the hash of its last entry. */
function writeFirstVersion(db: Database, entries: number): string {
  migrate(db, "ledger", [FIRST]);
  let previous = GENESIS;
  for (let number = 1; number <= entries; number++) {
    const body = number % 2 === 0 ? heartbeat(number) : utf8(`payload ${number}`);
    const fields = {
      number,
      time: number,
      class: "status",
      records: `seq ${number}`,
      bytes: body.length,
      sha256: sha256Hex(body),
      policy: "p",
      previous,
    };
    previous = sha256Hex(canonicalJson(fields));
    const { time, records, bytes, sha256 } = fields;
    db.prepare("INSERT INTO ledger VALUES (?, ?, 'status', ?, ?, ?, 'p', ?, ?, ?)")
      .run(number, time, records, bytes, sha256, fields.previous, previous, body);
    if (number % 3 === 0) db.prepare("INSERT INTO ledger_receipts VALUES (?, ?)").run(number, time + 1);
  }
  return previous;
}

Deno.test("a ledger of the first version keeps its chain, its bodies and its receipts, and goes on", () => {
  const db = openDatabase(":memory:");
  const head = writeFirstVersion(db, 10);
  using t = new TestLedger(db);
  const { fault, entries, receipts, head: found } = t.verify();
  assertEquals([fault, entries, receipts, found], [undefined, 10, 3, { number: 10, hash: head }]);
  assertEquals(t.reader.newest(10).map(({ acknowledged }) => acknowledged).filter((time) => time !== null), [
    4,
    7,
    10,
  ]);

  t.keeper();
  t.send("more");
  t.ledger.acknowledge(12);
  t.keeper().stop();
  const after = t.verify({ certificates: [CA], noted: [{ number: 10, hash: head }] });
  assertEquals([after.fault, after.entries, after.receipts], [undefined, 13, 4]);
  t.tamper("UPDATE ledger_bodies SET body = x'00' WHERE number = 3");
  assertEquals(t.verify().fault?.number, 3);
});

Deno.test("a copy in another version's format is not read as if it were empty", () => {
  using home = temporaryDatabase();
  writeFirstVersion(home.db, 2);
  using old = openReadOnly(home.path);
  const error = assertThrows(() => new LedgerReader(old), SallyportError, "has the format 1");
  assertEquals([error.code, error.remedy?.includes("sallyport run")], ["state.unreadable", true]);
  home.db.exec("UPDATE schema_versions SET version = 99");
  const newer = assertThrows(() => new LedgerReader(old), SallyportError, "has the format 99");
  assertEquals(newer.remedy?.includes("newer version"), true);
});
