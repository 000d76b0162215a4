import { assertEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { transaction } from "../../src/base/sqlite.ts";
import { Chain } from "../../src/ledger/chain.ts";
import { Checkpoints } from "../../src/ledger/checkpoints.ts";
import type { Statement } from "../../src/ledger/statement.ts";
import { decodeStatement, encodeStatement, signedBytes } from "../../src/ledger/statement.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { CA, SIGNERS, TestLedger } from "./support.ts";

/** Signs, with the agent's key, a checkpoint that says something else than it should. */
function sign(t: TestLedger, changes: Partial<Statement> | Uint8Array<ArrayBuffer>): void {
  const { statement } = new Checkpoints(t.db, t.clock).last()!;
  const body = changes instanceof Uint8Array
    ? changes
    : encodeStatement({ ...statement, introduces: [], ...changes });
  transaction(t.db, () => {
    const content = { kind: "checkpoint", class: "", records: "", policy: "" } as const;
    const { number, hash } = new Chain(t.db, t.clock).append(content, body);
    t.db.prepare("INSERT INTO ledger_signatures VALUES (?, ?)").run(number, t.signer.sign(signedBytes(hash)));
  });
}

const other = "ab".repeat(32);
const LIES: Record<string, [Partial<Statement> | Uint8Array<ArrayBuffer>, what: string]> = {
  "totals that are not those of the entries": [
    { totals: { tracking: { payloads: 2, bytes: 2 } } },
    "checkpoint",
  ],
  "totals of a class that was never sent": [
    { totals: { tracking: { payloads: 1, bytes: 1 }, data: { payloads: 0, bytes: 0 } } },
    "checkpoint",
  ],
  "pruning of what comes after it": [{ prunedThrough: 3 }, "checkpoint"],
  "less pruning than before": [{ prunedThrough: 0 }, "checkpoint"],
  "more receipts than there are": [{ receipts: { count: 2, hash: other } }, "receipt"],
  "other receipts": [{ receipts: { count: 1, hash: other } }, "receipt"],
  "fewer receipts than before": [{ receipts: { count: 0, hash: "0".repeat(64) } }, "receipt"],
  "a signer that nobody introduced": [{ certificate: other }, "certificate"],
  "a certificate that is not there": [{ introduces: [other] }, "certificate"],
  "a certificate once more": [
    { introduces: [readCertificate(SIGNERS[0].certificate).fingerprint] },
    "checkpoint",
  ],
  "something else altogether": [utf8("{}"), "checkpoint"],
};

for (const [lie, [changes, what]] of Object.entries(LIES)) {
  Deno.test(`a checkpoint that is signed and states ${lie} is found`, () => {
    using t = new TestLedger();
    t.send("x"); // 1
    t.ledger.acknowledge(1);
    t.pass(1_000);
    t.keeper({ limits: { ageMs: 500, bytes: 1e9 } }); // 2, which lets the body of 1 go
    assertEquals(new Checkpoints(t.db, t.clock).last()?.statement.prunedThrough, 1);
    assertEquals(t.verify({ certificates: [CA] }).fault, undefined);
    sign(t, changes);
    const { fault, checkpoints } = t.verify({ certificates: [CA] });
    assertEquals([fault?.what, checkpoints.trustedThrough], [what, 2]);
    if (what !== "receipt") assertEquals(fault?.number, 3);
  });
}

Deno.test("a statement is closed: what it does not know, it does not take", () => {
  using t = new TestLedger();
  const { statement } = t.keeper().last!;
  assertEquals(decodeStatement(encodeStatement(statement)), statement);
  const bad = [
    { ...statement, note: "more" },
    { ...statement, format: 2 },
    { ...statement, cause: "mood" },
    { ...statement, prunedThrough: -1 },
    { ...statement, certificate: "AB".repeat(32) },
    { ...statement, totals: { tracking: { payloads: 1 } } },
    [statement],
  ];
  for (const each of bad) assertThrows(() => decodeStatement(utf8(JSON.stringify(each))));
});
