import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { AGENT, CA, makeSigner, OTHER_CA, SIGNERS, TestLedger } from "./support.ts";

const [FIRST, SECOND, STRANGER] = SIGNERS;

/** A ledger whose key was renewed once, with payloads under each. */
function renewed(): TestLedger {
  const t = new TestLedger();
  const keeper = t.keeper();
  t.send("under the first key");
  keeper.introduce(SECOND.certificate);
  t.signer = SECOND;
  t.send("under the second");
  keeper.stop();
  return t;
}

Deno.test("a key vouches for the next: who trusts any of them, or the CA, trusts what they all signed", () => {
  using t = renewed();
  for (const certificates of [[FIRST.certificate], [SECOND.certificate], [CA], [OTHER_CA, CA]]) {
    const { fault, checkpoints } = t.verify({ certificates });
    assertEquals([fault, checkpoints], [undefined, { count: 3, last: 5, trustedThrough: 5 }]);
  }
  const { keys } = t.verify();
  assertEquals(keys.map(({ since, introducedBy, agent, trusted }) => [since, introducedBy, agent, trusted]), [
    [1, null, AGENT, false],
    [3, keys[0]!.fingerprint, AGENT, false],
  ]);
});

Deno.test("a certificate that nobody vouches for is found, and the first entry that it signed is named", () => {
  using t = renewed();
  for (const certificates of [[OTHER_CA], [STRANGER.certificate]]) {
    const { fault, checkpoints } = t.verify({ certificates });
    assertEquals([fault?.what, fault?.number, checkpoints.trustedThrough], ["certificate", 1, 0]);
    assertMatch(fault!.reason, new RegExp(AGENT));
  }
});

Deno.test("an agent that was enrolled anew goes on in its ledger, and the break is told", () => {
  using t = renewed();
  t.signer = STRANGER; // moved to another platform, and the old key is gone
  t.keeper();
  t.send("under the third key");
  t.keeper();
  const { keys, fault, checkpoints } = t.verify({ certificates: [STRANGER.certificate] });
  assertEquals([fault, checkpoints.trustedThrough], [undefined, 8]);
  assertEquals(keys.map(({ introducedBy }) => introducedBy === null), [true, false, true]);
  // Who knows only the old key trusts what that has signed, and is told where it ends.
  const old = t.verify({ certificates: [FIRST.certificate] });
  assertEquals([old.fault?.what, old.fault?.number, old.checkpoints.trustedThrough], ["certificate", 6, 5]);
});

Deno.test("a forged chain that names the agent's own certificate does not get its signature", () => {
  using t = new TestLedger();
  t.signer = { certificate: FIRST.certificate, sign: STRANGER.sign };
  t.keeper();
  assertEquals(t.verify().fault?.what, "signature");
  t.db.exec("UPDATE ledger_signatures SET signature = x''");
  assertEquals(t.verify().fault?.what, "signature");
});

Deno.test("of what was noted elsewhere, all must be there: also when it contradicts itself", () => {
  using t = renewed();
  const entries = t.reader.newest(10);
  const noted = entries.map(({ number, hash }) => ({ number, hash }));
  assertEquals(t.verify({ noted }).fault, undefined);
  const contradicted = [...noted, { number: 3, hash: "0".repeat(64) }];
  for (const list of [contradicted, contradicted.toReversed()]) {
    assertEquals([t.verify({ noted: list }).fault?.what, t.verify({ noted: list }).fault?.number], [
      "rewritten",
      3,
    ]);
  }
  const more = t.verify({ noted: [...noted, { number: 7, hash: noted[0]!.hash }] }).fault;
  assertEquals([more?.what, more?.number], ["truncated", entries.length + 1]);
});

Deno.test("a ledger without a signature is trusted by nobody who was given a certificate", () => {
  using t = new TestLedger();
  t.send("a");
  assertEquals(t.verify().fault, undefined);
  const { fault } = t.verify({ certificates: [CA] });
  assertEquals([fault?.what, fault?.number], ["certificate", 1]);
});

Deno.test("a renewal that is tried again introduces its key once; one that cannot be written down does not happen", async () => {
  using t = new TestLedger();
  const keeper = t.keeper();
  const next = await makeSigner();
  t.db.exec("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  assertThrows(() => keeper.introduce(next.certificate), Error, "disk full");
  t.db.exec("DROP TRIGGER full");
  keeper.introduce(next.certificate);
  keeper.introduce(next.certificate);
  t.keeper().introduce(next.certificate); // after a crash
  const { fault, keys, entries } = t.verify({ certificates: [FIRST.certificate] });
  assertEquals([fault, keys.length, entries], [undefined, 2, 2]);
  assert(keys[1]!.trusted);
});
