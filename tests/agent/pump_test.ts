import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import { Pump } from "../../src/agent/pump.ts";
import { silentLog } from "../../src/base/log.ts";
import { Spending } from "../../src/agent/policy/spending.ts";
import { DEFAULT_OPTIONS } from "../../src/gate/policy/options.ts";
import type { PolicyOptions } from "../../src/gate/policy/options.ts";
import { compilePolicy, DEFAULT_POLICY, haltedPolicy } from "../../src/gate/policy/policy.ts";
import type { Policy } from "../../src/gate/policy/policy.ts";
import { Ledger, LedgerReader } from "../../src/ledger/ledger.ts";
import { verifyChain } from "../../src/ledger/verify.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import type { TrackingBatch } from "../../src/protocol/payloads/tracking.ts";
import { StateGuard } from "../../src/agent/state_guard.ts";
import { Spool } from "../../src/spool/spool.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";
import { RUN_STARTED } from "../support/records.ts";

const tracking = (changes: Partial<PolicyOptions["tracking"]>): Policy =>
  compilePolicy({ ...DEFAULT_OPTIONS, tracking: { ...DEFAULT_OPTIONS.tracking, ...changes } });

/** A pump on a real database, with a wire that keeps what is put on it. */
function pumping(first: Policy = DEFAULT_POLICY) {
  const home = temporaryDatabase();
  const clock = new TestClock();
  const spool = new Spool(home.db, clock);
  const ledger = new Ledger(home.db, clock);
  const reader = new LedgerReader(home.db);
  const guard = new StateGuard(silentLog);
  const frames: Uint8Array[] = [];
  const uplink = {
    ready: true,
    takesTracking: true,
    takes: () => uplink.takesTracking,
    compose: (parts: MessageParts) => create(AgentToServerSchema, parts),
    send(frame: Uint8Array<ArrayBuffer>) {
      // What is on the wire must be in the ledger already, byte for byte.
      assertEquals(new Uint8Array(reader.body(frames.length + 1)!), frame);
      frames.push(frame);
      return true;
    },
  };
  const owner = { policy: first };
  const pump = new Pump({
    db: home.db,
    spool,
    ledger,
    policy: () => owner.policy,
    spending: new Spending(home.db, clock),
    uplink,
    clock,
    log: silentLog,
    guard,
  });
  const batches = (): TrackingBatch[] =>
    frames.flatMap((frame) => {
      const { customMessage } = decodeFrame(AgentToServerSchema, frame);
      return customMessage ? [JSON.parse(new TextDecoder().decode(customMessage.data))] : [];
    });
  return {
    home,
    clock,
    spool,
    reader,
    frames,
    uplink,
    owner,
    pump,
    guard,
    batches,
    [Symbol.dispose]: () => home[Symbol.dispose](),
  };
}

Deno.test("records leave in one batch, and leave the spool only when the platform has stored them", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  assertEquals(t.batches().map(({ through, records }) => [through, records.length]), [[3, 3]]);
  assertEquals(t.spool.counts()[0]?.waiting, 3);

  t.pump.acknowledged({ stream: t.spool.stream, through: 3 });
  assertEquals(t.spool.counts(), []);
  assert(t.reader.newest(1)[0]!.acknowledged !== null);
});

Deno.test("one batch is under way at a time, and the next follows its acknowledgement", () => {
  using t = pumping();
  for (let n = 0; n < 501; n++) t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.pump.drain();
  assertEquals(t.batches().length, 1);
  t.pump.acknowledged({ stream: t.spool.stream, through: 500 });
  assertEquals(t.batches().map(({ through }) => through), [500, 501]);
});

Deno.test("an acknowledgement of another stream, or of less than was sent, removes nothing", () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.pump.acknowledged({ stream: crypto.randomUUID(), through: 2 });
  t.pump.acknowledged({ stream: t.spool.stream, through: 1 });
  assertEquals(t.spool.counts()[0]?.waiting, 2);
});

Deno.test("where another home has used the numbers, the rest goes on under the name of a new stream", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  const { stream } = t.spool;
  t.pump.conflicted({ stream: crypto.randomUUID(), through: 2 });
  t.pump.conflicted({ stream, through: 3 }); // that would be all of it, and no conflict
  assertEquals([t.spool.stream, t.batches().length, t.spool.counts()[0]?.waiting], [stream, 1, 3]);

  t.pump.conflicted({ stream, through: 2 });
  assertNotEquals(t.spool.stream, stream);
  const told = t.batches().map((batch) => [batch.stream, batch.through, batch.records.map(({ seq }) => seq)]);
  assertEquals(told, [[stream, 3, [1, 2, 3]], [t.spool.stream, 3, [3]]]);
  const renamed = t.spool.stream;
  t.pump.conflicted({ stream: renamed, through: 2 }); // a name that nobody else can have
  assertEquals([t.spool.stream, t.batches().length], [renamed, 2]);
  t.pump.acknowledged({ stream, through: 3 }); // an answer that comes late says nothing of the new stream
  assertEquals(t.spool.counts()[0]?.waiting, 1);
  t.pump.acknowledged({ stream: t.spool.stream, through: 3 });
  assertEquals(t.spool.counts(), []);
  assertEquals(new Spool(t.home.db, t.clock).stream, t.spool.stream);
});

Deno.test("a new name for the stream that cannot be written is none: the old one is asked about again", () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  const { stream } = t.spool;
  t.home.db.exec(
    "CREATE TRIGGER full BEFORE UPDATE ON spool_stream BEGIN SELECT RAISE(FAIL, 'disk full'); END",
  );
  t.pump.conflicted({ stream, through: 0 });
  assertEquals([t.spool.stream, t.spool.counts()[0]?.waiting], [stream, 1]);
  t.home.db.exec("DROP TRIGGER full");
  t.pump.conflicted({ stream, through: 0 });
  assertEquals(t.batches().map((batch) => batch.stream), [stream, t.spool.stream]);
  t.pump.disconnected();
});

Deno.test("what was under way when the connection broke is sent again", () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.pump.disconnected();
  t.uplink.ready = false;
  t.pump.drain();
  assertEquals(t.batches().length, 1);
  t.uplink.ready = true;
  t.pump.drain();
  assertEquals(t.batches().map(({ through }) => through), [1, 1]);
});

Deno.test("a batch that is not acknowledged in a minute is sent again", async () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  await t.clock.advance(59_000);
  assertEquals([t.batches().length, t.pump.unacknowledged], [1, false]);
  await t.clock.advance(2_000);
  assertEquals([t.batches().length, t.pump.unacknowledged], [2, true]);
  t.pump.acknowledged({ stream: t.spool.stream, through: 1 });
  assertEquals(t.pump.unacknowledged, false);
  t.pump.disconnected();
});

Deno.test("a record that cannot pass the gate is withheld, and those behind it are not held up", () => {
  using t = pumping();
  t.spool.put("tracking", { ...RUN_STARTED, customer: "Ada" });
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  assertEquals(t.batches().map(({ through, records }) => [through, records.map(({ seq }) => seq)]), [[2, [
    2,
  ]]]);
  t.pump.acknowledged({ stream: t.spool.stream, through: 2 });
  assertEquals(t.spool.counts(), []);
});

Deno.test("a policy that denies tracking lets nothing on the wire and nothing into the ledger", () => {
  using t = pumping(tracking({ send: "deny" }));
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  assertEquals([t.frames, t.reader.newest(10), t.spool.counts()], [[], [], []]);
});

Deno.test("what cannot be written into the ledger is not sent, and the agent stays up", () => {
  using t = pumping();
  t.home.db.exec("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  t.spool.put("tracking", RUN_STARTED);
  t.pump.sendStatus(() => ({}));
  t.pump.drain();
  assertEquals(t.frames, []);
  const [wrong] = t.guard.conditions();
  assertEquals(wrong?.code, "state.unwritable");
  assertStringIncludes(wrong!.reason, "disk full");

  t.home.db.exec("DROP TRIGGER full");
  t.pump.sendStatus(() => ({}));
  t.pump.drain();
  assertEquals(t.frames.length, 2);
  assertEquals(verifyChain(t.reader.entries()).fault, undefined);
  assertEquals(t.guard.conditions(), []);
});

Deno.test("status with nothing to tell is not sent; a heartbeat is, and is called so", () => {
  using t = pumping();
  t.pump.sendStatus(() => undefined);
  t.pump.sendStatus(() => ({}));
  t.pump.sendStatus(() => ({ health: { healthy: true } }));
  assertEquals(t.reader.newest(10).map(({ records }) => records), ["heartbeat", "health"]);
});

Deno.test("a platform that does not take tracking gets none, and the records wait", () => {
  using t = pumping();
  t.uplink.takesTracking = false;
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.pump.sendStatus(() => ({}));
  assertEquals([t.batches(), t.frames.length, t.spool.counts()[0]?.waiting], [[], 1, 1]);
});

Deno.test("while the policy cannot be used everything stays, in its order, and a bare status says so", () => {
  using t = pumping(haltedPolicy("policy.yaml is broken at line 7"));
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.pump.sendStatus(() => ({ health: { healthy: true }, effectiveConfig: {} }));
  assertEquals([t.batches(), t.spool.counts()[0]?.waiting], [[], 1]);
  assertEquals(t.reader.newest(10).map(({ records }) => records), ["health"]);
  const { health } = decodeFrame(AgentToServerSchema, t.frames[0]!);
  assertEquals([health?.healthy, health?.lastError], [
    false,
    "policy.unreadable: policy.yaml is broken at line 7",
  ]);

  t.owner.policy = DEFAULT_POLICY;
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  assertEquals(t.batches().map(({ through, records }) => [through, records.length]), [[2, 2]]);
});

Deno.test("over the day's budget records wait in their order, and leave on the next day", async () => {
  const MIB = 1024 * 1024;
  using t = pumping(tracking({ bytesPerDay: MIB }));
  const files = Array.from({ length: 100 }, (_, i) => ({
    role: "source",
    name: `${i}-${"x".repeat(200)}`,
    directory: "data/in",
    bytes: 1,
    documents: 1,
    failed: 0,
  }));
  const count = 60; // of some 28 KB each
  for (let n = 0; n < count; n++) {
    t.spool.put("tracking", { kind: "run-files", runId: RUN_STARTED.runId, files });
  }
  const drainDay = () => {
    t.pump.drain();
    for (let seen = 0; t.batches().length > seen;) {
      seen = t.batches().length;
      t.pump.acknowledged({ stream: t.spool.stream, through: t.batches().at(-1)!.through });
    }
  };
  drainDay();
  const sentFirst = t.batches().at(-1)!.through;
  assert(sentFirst > 30 && sentFirst < count, String(sentFirst));
  assertEquals(t.spool.counts()[0]?.waiting, count - sentFirst);
  assert(t.reader.totals().find((each) => each.class === "tracking")!.bytes <= MIB);
  assert(t.pump.held?.includes("1 MiB a day"), t.pump.held);

  // A pump that starts anew knows from the ledger what has left today.
  assertEquals(new Spending(t.home.db, t.clock).circumstances().spent.tracking > MIB - 40_000, true);

  await t.clock.advance(24 * 3_600_000);
  drainDay();
  assertEquals([t.spool.counts(), t.pump.held], [[], undefined]);
  const seqs = t.batches().flatMap(({ records }) => records.map(({ seq }) => seq));
  assertEquals(seqs, Array.from({ length: count }, (_, i) => i + 1));
});

Deno.test("a batch stays below what the platform takes, however many records wait", () => {
  using t = pumping();
  for (let n = 0; n < 600; n++) t.spool.put("tracking", { ...RUN_STARTED, process: "p".repeat(250) });
  t.pump.drain();
  const { customMessage } = decodeFrame(AgentToServerSchema, t.frames[0]!);
  assert(customMessage!.data.length <= 256 * 1024, String(customMessage!.data.length));
});

Deno.test("names are shaped on their way out, also of what was spooled before the policy said so", () => {
  using t = pumping();
  const file = { role: "source", name: "a.csv", directory: "data/in", bytes: 1, documents: 1, failed: 0 };
  t.spool.put("tracking", { kind: "run-files", runId: RUN_STARTED.runId, files: [file] });
  t.owner.policy = compilePolicy(
    { ...DEFAULT_OPTIONS, tracking: { ...DEFAULT_OPTIONS.tracking, names: "hashed" } },
    { nameKey: new Uint8Array(32) },
  );
  t.pump.drain();
  const text = JSON.stringify(t.batches());
  assert(text.includes("hashed-") && !text.includes("a.csv"), text);
  assertEquals(t.reader.newest(1)[0]!.policy, t.owner.policy.hash);
});
