import { assert, assertEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { canonicalJson } from "../../src/base/json.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { entryHash, receiptHash } from "../../src/ledger/entry.ts";
import { MAX_HEARTBEATS } from "../../src/ledger/heartbeats.ts";
import { heartbeat, SIGNERS, TestLedger } from "./support.ts";

Deno.test("an untouched ledger is whole, and its head is the hash of the last entry", () => {
  using t = new TestLedger();
  for (let n = 1; n <= 5; n++) t.send(`payload ${n}`);
  const { fault, entries, payloads, bytes, head } = t.verify();
  const last = t.reader.newest(1)[0]!;
  assertEquals([fault, entries, payloads, bytes], [undefined, 5, 5, 45]);
  assertEquals(head, { number: 5, hash: last.hash });
});

Deno.test("the body that is shown is the body that was sent", () => {
  using t = new TestLedger();
  t.send("payload 1");
  assertEquals(new Uint8Array(t.reader.body(1)!), utf8("payload 1"));
});

Deno.test("hashes are over the canonical JSON of the fields, as docs/ledger.md says", () => {
  const fields = {
    number: 7,
    time: 1,
    class: 'tr\u0000ack"ing\ud83d\ude00',
    records: "",
    bytes: 2,
    sha256: "aa",
    policy: "bb",
    previous: "cc",
  };
  assertEquals(
    entryHash({ ...fields, kind: "payload", until: null, count: null }),
    sha256Hex(canonicalJson(fields)),
  );
  const folded = { ...fields, kind: "heartbeats" as const, until: 5, count: 3 };
  assertEquals(entryHash(folded), sha256Hex(canonicalJson(folded)));
  const receipt = { receipt: 1, number: 2, time: 3 };
  assertEquals(receiptHash(receipt, "dd"), sha256Hex(canonicalJson({ ...receipt, previous: "dd" })));
});

Deno.test("a receipt stands beside its entry, once, and leaves the chain as it is", () => {
  using t = new TestLedger();
  t.send("a");
  t.send("b");
  const before = t.verify().head;
  t.ledger.acknowledge(2);
  t.pass(1_000);
  t.ledger.acknowledge(2);
  assertEquals([t.verify().head, t.verify().receipts], [before, 1]);
  assertEquals(t.reader.newest(2).map(({ acknowledged }) => acknowledged), [null, t.clock.now() - 1_000]);
});

Deno.test("heartbeats one after another share an entry, from which each can be told byte for byte", () => {
  using t = new TestLedger();
  t.send("hello");
  assertEquals(t.beat(200, 30_000), 2);
  const [entry] = t.reader.newest(1);
  assertEquals([entry?.count, entry?.records], [200, "heartbeats 2-201"]);
  assertEquals([entry?.until! - entry?.time!, t.verify().payloads], [199 * 30_000, 201]);
  assertEquals(t.verify().head.number, 1); // what may still grow is no head
  t.send("more");
  assertEquals([t.verify().head.number, t.verify().fault], [3, undefined]);
});

Deno.test("heartbeats share no entry across a day, a policy, a class, a gap, or a clock that went back", () => {
  const cases: Record<string, (t: TestLedger) => void> = {
    "nothing between": () => {},
    "half a day": (t) => t.pass(12 * 3_600_000),
    "another day": (t) => t.pass(24 * 3_600_000),
    "a clock that went back": (t) => t.pass(-1),
    "a payload": (t) => void t.send("x"),
    "a lost number": (t) => void heartbeatWith(t, {}, 9),
    "another policy": (t) => void heartbeatWith(t, { policy: "q" }),
    "another class": (t) => void heartbeatWith(t, { class: "other" }),
  };
  const folded = Object.entries(cases).filter(([, between]) => {
    using t = new TestLedger();
    t.pass(6 * 3_600_000);
    t.beat(2);
    between(t);
    t.beat(1);
    assertEquals(t.verify().fault, undefined);
    return t.reader.newest(9).some(({ count }) => count === 3);
  });
  assertEquals(folded.map(([what]) => what), ["nothing between", "half a day"]);
});

/** A heartbeat that differs from what {@linkcode TestLedger.beat} writes. */
function heartbeatWith(t: TestLedger, changes: { policy?: string; class?: string }, sequence = 3): void {
  const intent = {
    class: "status",
    records: "heartbeat",
    policy: "p",
    body: heartbeat(sequence),
    ...changes,
  };
  t.ledger.intend(intent);
}

Deno.test("an entry has so many heartbeats and no more", () => {
  using t = new TestLedger();
  t.beat(MAX_HEARTBEATS + 1);
  assertEquals(t.reader.newest(9).map(({ count }) => count), [MAX_HEARTBEATS, 1]);
});

Deno.test("the tables refuse to change what was written, but for the last entry's heartbeats", () => {
  using t = new TestLedger();
  t.beat(2);
  t.send("a");
  for (
    const sql of [
      "UPDATE ledger SET time = 0 WHERE number = 2",
      "UPDATE ledger SET count = 1 WHERE number = 1",
      "DELETE FROM ledger_bodies; DELETE FROM ledger WHERE number = 2",
    ]
  ) assertThrows(() => t.db.exec(sql), Error, "append-only");
});

Deno.test("a checkpoint is signed, and covers all before it", () => {
  using t = new TestLedger();
  const keeper = t.keeper();
  t.send("a");
  t.beat(5);
  keeper.stop();
  const found = t.verify({ certificates: [SIGNERS[0].certificate] });
  assertEquals([found.fault, found.entries, found.checkpoints], [undefined, 4, {
    count: 2,
    last: 4,
    trustedThrough: 4,
  }]);
  assertEquals(keeper.last?.statement.totals, {
    status: { payloads: 5, bytes: 5 * heartbeat(1).length },
    tracking: { payloads: 1, bytes: 1 },
  });
  assert(found.keys[0]?.trusted);
});
