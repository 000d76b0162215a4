import { assert, assertEquals } from "@std/assert";
import { transaction } from "../../src/base/sqlite.ts";
import { Chain } from "../../src/ledger/chain.ts";
import { Checkpoints } from "../../src/ledger/checkpoints.ts";
import { repairLedger } from "../../src/ledger/repair.ts";
import type { Losses } from "../../src/ledger/statement.ts";
import { encodeStatement, signedBytes } from "../../src/ledger/statement.ts";
import { noticeStepBack } from "../../src/ledger/went_back.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { CA, SIGNERS, TestLedger } from "./support.ts";

const KNOWN = { certificates: [CA] };
const EVERYTHING = { isWhole: () => true, isEndLost: false };
const NOTHING: Losses = { entries: [], receipts: [], bodies: [], signatures: [], certificates: [] };

/** Ten payloads behind the first checkpoint, with a receipt each, and a checkpoint at the end. */
function ledgerOfTen(): TestLedger {
  const t = new TestLedger();
  const keeper = t.keeper();
  for (let n = 0; n < 10; n++) t.ledger.acknowledge(t.send(`${n}`));
  keeper.stop();
  return t;
}

/** As somebody takes entry 5 out, who has the database and no key, and says that it was lost. */
function excused(
  t: TestLedger,
  changes: Partial<Losses>,
  signature: (hash: string) => Uint8Array | undefined,
) {
  const hash = [...t.reader.entries()].find(({ number }) => number === 4)!.hash;
  t.tamper("DELETE FROM ledger WHERE number = 5");
  const { statement } = new Checkpoints(t.db, t.clock).last()!;
  transaction(t.db, () => {
    const content = { kind: "checkpoint", class: "", records: "", policy: "" } as const;
    const lost = { ...NOTHING, entries: [{ after: 4, hash, known: 1, next: 6 }], ...changes };
    const entry = new Chain(t.db, t.clock).append(
      content,
      encodeStatement({ ...statement, cause: "damage", introduces: [], lost }),
    );
    const signed = signature(entry.hash);
    if (signed) t.db.prepare("INSERT INTO ledger_signatures VALUES (?, ?)").run(entry.number, signed);
  });
}

Deno.test("what a checkpoint states to be lost is excused, and named", () => {
  using t = ledgerOfTen();
  excused(t, {}, (hash) => t.signer.sign(signedBytes(hash)));
  const { fault, lost, entries, unsigned } = t.verify(KNOWN);
  assertEquals([fault, entries, unsigned], [undefined, 12, 0]);
  assertEquals(lost?.entries.map(({ after, known, next }) => [after, known, next]), [[4, 1, 6]]);
});

const FORGERIES: Record<string, [Partial<Losses>, (hash: string) => Uint8Array | undefined]> = {
  "nobody signed": [{ signatures: [[1, 100]] }, () => undefined],
  "another key signed": [{}, (hash) => SIGNERS[2].sign(signedBytes(hash))],
  "is signed at random": [{ signatures: [[1, 100]] }, () => new Uint8Array(70)],
  "another key signed, and calls the certificate lost": [
    { certificates: [readCertificate(SIGNERS[0].certificate).fingerprint] },
    (hash) => SIGNERS[2].sign(signedBytes(hash)),
  ],
};
for (const [forgery, [changes, signature]] of Object.entries(FORGERIES)) {
  Deno.test(`a loss that ${forgery} excuses nothing`, () => {
    using t = ledgerOfTen();
    excused(t, changes, signature);
    assert(t.verify(KNOWN).fault, "it was believed");
    t.tamper("DELETE FROM ledger_certificates");
    assert(t.verify(KNOWN).fault, "it was believed without a certificate");
  });
}

Deno.test("a loss is excused only where it is stated: what is removed behind it is found", () => {
  using t = ledgerOfTen();
  excused(t, {}, (hash) => t.signer.sign(signedBytes(hash)));
  t.tamper("DELETE FROM ledger WHERE number = 6");
  assertEquals(t.verify(KNOWN).fault?.what, "removed");
  t.tamper("DELETE FROM ledger WHERE number = 9");
  assertEquals(t.verify(KNOWN).fault?.number, 5);
});

Deno.test("a key that was introduced by nothing but a checkpoint without its signature is not trusted", () => {
  using t = ledgerOfTen();
  const keeper = t.keeper();
  keeper.introduce(SIGNERS[2].certificate); // of nobody's CA: only the vow of the key before makes it trusted
  t.signer = SIGNERS[2];
  t.send("x");
  keeper.stop();
  assertEquals(t.verify({ certificates: [SIGNERS[0].certificate] }).fault, undefined);
  t.tamper("DELETE FROM ledger_signatures WHERE number = 13");
  assertEquals(t.verify(KNOWN).fault?.what, "signature");
  repairLedger(t.db, t.clock, { isWhole: (table) => table !== "ledger_signatures", isEndLost: false });
  const again = new TestLedger(t.db);
  again.signer = SIGNERS[2];
  again.keeper();
  const { fault, lost } = again.verify({ certificates: [SIGNERS[0].certificate] });
  assertEquals([fault?.what, lost?.signatures], ["certificate", 1]);
});

Deno.test("a ledger that was saved as a whole is left alone, whatever somebody did to it", () => {
  using t = ledgerOfTen();
  t.tamper("DELETE FROM ledger WHERE number = 5");
  assertEquals(repairLedger(t.db, t.clock, EVERYTHING), undefined);
  const again = new TestLedger(t.db);
  again.keeper().stop();
  assertEquals([again.verify().fault?.what, again.verify().lost], ["removed", undefined]);
});

Deno.test("a ledger that went back behind the checkpoint that was kept says so, and gives no number twice", () => {
  using t = ledgerOfTen();
  const kept = t.keeper().last!;
  assertEquals(noticeStepBack(t.db, t.clock, kept), undefined);
  t.tamper("DELETE FROM ledger_signatures WHERE number > 8; DELETE FROM ledger_bodies WHERE number > 8");
  t.tamper("DELETE FROM ledger_receipts WHERE number > 8; DELETE FROM ledger WHERE number > 8");
  assertEquals(noticeStepBack(t.db, t.clock, kept), 8);
  assertEquals(noticeStepBack(t.db, t.clock, kept), undefined); // it is noted already
  const again = new TestLedger(t.db);
  const keeper = again.keeper();
  const next = again.send("next");
  again.ledger.acknowledge(next);
  keeper.stop();
  assert(next > Date.UTC(2026, 0, 1));
  const { fault, lost } = again.verify(KNOWN);
  assertEquals(fault, undefined);
  assertEquals(lost?.entries.map(({ after, known }) => [after, known]), [[8, kept.number - 8]]);
  assertEquals(lost?.receipts.length, 1);
  assertEquals(noticeStepBack(t.db, t.clock, keeper.last!), undefined);
});

Deno.test("a ledger that is gone altogether goes on behind the checkpoint that was kept", () => {
  using lost = ledgerOfTen();
  const kept = lost.keeper().last!;
  using t = new TestLedger();
  assertEquals(noticeStepBack(t.db, t.clock, kept), 0);
  const again = new TestLedger(t.db);
  again.keeper();
  const { fault, lost: parts } = again.verify(KNOWN);
  assertEquals([fault, parts?.entries[0]?.known], [undefined, kept.number]);
});
