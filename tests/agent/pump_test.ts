import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { MAX_BATCH_BYTES, MAX_CREDIT_BYTES, MAX_PAYLOAD_BYTES, SPOOL_QUOTAS } from "../../src/base/limits.ts";
import { createLog } from "../../src/base/log.ts";
import { Spending } from "../../src/agent/policy/spending.ts";
import type { PolicyOptions } from "../../src/gate/policy/options.ts";
import { DEFAULT_OPTIONS } from "../../src/gate/policy/options.ts";
import type { Policy } from "../../src/gate/policy/policy.ts";
import { compilePolicy, DEFAULT_POLICY, haltedPolicy } from "../../src/gate/policy/policy.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { verification } from "../../src/ledger/verify.ts";
import { systemClock } from "../../src/base/clock.ts";
import { RUN_STARTED } from "../support/records.ts";
import { pumping } from "./support.ts";

const tracking = (changes: Partial<PolicyOptions["tracking"]>): Policy =>
  compilePolicy({ ...DEFAULT_OPTIONS, tracking: { ...DEFAULT_OPTIONS.tracking, ...changes } });

/** A record of so many bytes, roughly. */
const large = (bytes: number) => ({
  ...RUN_STARTED,
  kind: "run-finished",
  endedAt: RUN_STARTED.startedAt,
  outcome: "succeeded",
  documents: { in: 0, out: 0, filtered: 0, failed: 0 },
  bytesIn: 0,
  bytesOut: 0,
  fileCount: 0,
  files: Array.from(
    { length: Math.floor(bytes / 1_000) },
    () => ({ role: "source", name: "n", directory: "d".repeat(900), bytes: 0, documents: 0, failed: 0 }),
  ),
});

Deno.test("records leave in one batch, and leave the spool only when the platform has stored them", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  t.connect();
  assertEquals(t.batches().map(({ through, records }) => [through, records.length]), [[3, 3]]);
  assertEquals(t.spool.counts()[0]?.waiting, 3);

  t.ack(3);
  assertEquals(t.spool.counts(), []);
  assert(t.reader.newest(1)[0]!.acknowledged !== null);
});

Deno.test("before the platform has given credit for more, one batch is under way at a time", () => {
  using t = pumping();
  for (let n = 0; n < 501; n++) t.spool.put("tracking", RUN_STARTED);
  t.connect();
  t.pump.drain();
  assertEquals(t.batches().length, 1);
  t.ack(500);
  assertEquals(t.batches().map(({ through }) => through), [500, 501]);
});

Deno.test("with credit several are under way, never more bytes than it allows, and each ack makes room", () => {
  using t = pumping();
  for (let n = 0; n < 60; n++) t.spool.put("tracking", large(40_000));
  t.connect(0, 3 * MAX_BATCH_BYTES + 1_000);
  const sizes = () => t.frames.slice(1).map((frame) => frame.length);
  assertEquals(sizes().length, 3);
  assert(sizes().every((bytes) => bytes <= MAX_BATCH_BYTES + 100));
  const throughs = () => t.batches().map(({ through }) => through);
  const [first, second] = throughs();
  t.ack(second!);
  assertEquals(throughs().length, 5);
  assertEquals(t.spool.counts()[0]?.waiting, 60 - second!);
  t.ack(first!); // an old one changes nothing
  assertEquals(throughs().length, 5);
  assertEquals(t.reader.newest(10).filter(({ acknowledged }) => acknowledged !== null).length, 2);
  t.pump.granted(10 * MAX_CREDIT_BYTES);
  assertEquals(throughs().length, 6); // the agent has a bound of its own: four batches
});

Deno.test("without credit nothing leaves; it goes on when there is some, or to ask after a minute", async () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.connect(0, 0);
  t.pump.drain();
  assertEquals(t.batches().length, 0);
  t.pump.granted(1);
  assertEquals(t.batches().length, 1); // one record always fits
  t.ack(1, 0);
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  await t.clock.advance(59_000);
  assertEquals(t.batches().length, 1);
  await t.clock.advance(2_000); // the word that it may go on was lost
  assertEquals(t.batches().length, 2);
});

Deno.test("an acknowledgement of another stream, or of less than was sent, removes nothing", () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.spool.put("tracking", RUN_STARTED);
  t.connect();
  t.pump.acknowledged("tracking", { stream: crypto.randomUUID(), through: 2 });
  t.ack(0);
  assertEquals(t.spool.counts()[0]?.waiting, 2);
});

Deno.test("after a broken connection it asks what arrived, and sends only the rest again", () => {
  using t = pumping();
  for (let n = 0; n < 1_200; n++) t.spool.put("tracking", RUN_STARTED);
  t.connect(0, MAX_CREDIT_BYTES);
  assertEquals(t.batches().map(({ through }) => through), [500, 1_000, 1_200]);
  t.disconnect();
  t.pump.drain();
  assertEquals(t.resumes().length, 1);

  t.connect(500, MAX_CREDIT_BYTES);
  assertEquals(t.resumes().length, 2);
  assertEquals(t.batches().slice(3).map(({ through, records }) => [through, records[0]?.seq]), [
    [1_000, 501],
    [1_200, 1_001],
  ]);
  assertEquals(t.spool.counts()[0]?.waiting, 700);
  // The first batch of the old connection has its receipt, the others have not.
  const receipts = t.reader.newest(10).filter(({ acknowledged }) => acknowledged !== null);
  assertEquals(receipts.map(({ records }) => records), ["seq 1-500 (500)"]);
});

Deno.test("each start of an agent sends by a name of its own, once it is settled what the one before has sent", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  const before = t.spool.stream("tracking");
  t.spool.sent("tracking", 2); // by an earlier start
  t.connect(1);
  const ours = t.spool.stream("tracking");
  assertNotEquals(ours, before);
  assertEquals(t.resumes().map(({ stream }) => stream), [before]);
  const sent = () => t.batches().map((batch) => [batch.stream, ...batch.records.map(({ seq }) => seq)]);
  assertEquals(sent(), [[ours, 2, 3]]);
  assertEquals(t.spool.counts()[0]?.waiting, 2);

  // Within one start the name stays: what a broken connection has brought is asked for by it.
  t.disconnect();
  t.connect(2);
  assertEquals(t.resumes().map(({ stream }) => stream), [before, ours]);
  assertEquals(sent(), [[ours, 2, 3], [ours, 3]]);
});

Deno.test("what another home has sent by the old name is not taken for this one's", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  const before = t.spool.stream("tracking");
  t.connect(40); // this home is a copy of the one that went on by this name
  const [batch] = t.batches();
  assertNotEquals(batch?.stream, before);
  const kinds = batch?.records.map(({ record }) => record.kind);
  assertEquals(kinds, ["run-started", "run-started", "run-started", "gap"]);
});

Deno.test("what is not acknowledged in a minute is sent again, also to a platform that cannot say what it has", async () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.pump.connected();
  assertEquals([t.resumes().length, t.batches().length], [1, 0]);
  await t.clock.advance(61_000);
  assertEquals([t.batches().length, t.pump.unacknowledged], [1, true]);
  await t.clock.advance(58_000);
  assertEquals(t.batches().length, 1);
  await t.clock.advance(2_000);
  assertEquals([t.batches().length, t.pump.unacknowledged], [2, true]);
  t.ack(1);
  assertEquals(t.pump.unacknowledged, false);
});

Deno.test("on a new connection a backlog waits for a random time, and what is fresh leaves at once", async () => {
  using t = pumping({ random: () => 0.5 });
  t.spool.put("tracking", RUN_STARTED);
  t.pump.connected();
  assertEquals(t.resumes().length, 1);
  t.disconnect();

  await t.clock.advance(8_000);
  t.uplink.ready = true;
  t.pump.connected();
  t.pump.drain();
  await t.clock.advance(1_900); // of at most half its age
  assertEquals(t.resumes().length, 1);
  await t.clock.advance(200);
  assertEquals(t.resumes().length, 2);
  t.disconnect();

  await t.clock.advance(24 * 3_600_000);
  t.uplink.ready = true;
  t.pump.connected();
  await t.clock.advance(4_900); // of at most 10 s
  assertEquals(t.resumes().length, 2);
  await t.clock.advance(200);
  assertEquals(t.resumes().length, 3);
});

Deno.test("a record that is not what its channel carries is quarantined, and a gap is sent in its place", () => {
  const lines: string[] = [];
  using t = pumping({
    log: createLog({ clock: systemClock, format: "json", write: (line) => lines.push(line) }),
  });
  t.spool.put("tracking", { ...RUN_STARTED, customer: "Ada" });
  t.spool.put("tracking", RUN_STARTED);
  t.connect();
  const [batch] = t.batches();
  assertEquals(batch?.records.map(({ seq, record }) => [seq, record.kind]), [[1, "gap"], [2, "run-started"]]);
  assertEquals(t.spool.quarantined(), 1);
  assert(lines.some((line) => line.includes("quarantined")));
  assert(!lines.join().includes("Ada"));
  t.ack(2);
  assertEquals(t.spool.counts(), []);
});

Deno.test("what the spool had to drop is told in its place, with count, bytes and times", () => {
  using t = pumping({ quotas: { ...SPOOL_QUOTAS, tracking: { bytes: 300, ageMs: 1e9 } } });
  for (let n = 0; n < 5; n++) t.spool.put("tracking", RUN_STARTED);
  t.connect();
  const [batch] = t.batches();
  const at = new Date(t.clock.now()).toISOString();
  const bytes = JSON.stringify(RUN_STARTED).length;
  assertEquals(batch?.records.map(({ seq }) => seq), [1, 5]);
  assertEquals(batch?.records[0]?.record, {
    kind: "gap",
    class: "tracking",
    reason: "quota-bytes",
    records: 4,
    bytes: 4 * bytes,
    first: at,
    last: at,
  });
});

Deno.test("a database that went back to an earlier state gives new numbers, loses nothing, and says so", () => {
  using t = pumping();
  for (let n = 0; n < 3; n++) t.spool.put("tracking", RUN_STARTED);
  t.connect(7); // which this database never sent
  const [batch] = t.batches();
  assertEquals(batch?.records.map(({ seq, record }) => [seq, record.kind]), [
    [8, "run-started"],
    [9, "run-started"],
    [10, "run-started"],
    [11, "gap"],
  ]);
  t.ack(11);
  assertEquals(t.spool.counts(), []);
});

Deno.test("a batch is never larger than the platform takes, whatever its records grow to", () => {
  using t = pumping();
  for (let n = 0; n < 5; n++) t.spool.put("tracking", large(MAX_PAYLOAD_BYTES - 40_000));
  t.connect(0, MAX_CREDIT_BYTES);
  assertEquals(t.batches().map(({ through }) => through), [2, 4, 5]);
});

Deno.test("a policy that denies tracking lets nothing on the wire and nothing into the ledger", () => {
  using t = pumping({ policy: tracking({ send: "deny" }) });
  t.spool.put("tracking", RUN_STARTED);
  t.pump.connected(); // it may not even ask the platform how far it has the stream
  assertEquals([t.frames, t.reader.newest(10), t.spool.counts()], [[], [], []]);
});

Deno.test("what cannot be written into the ledger is not sent, and the agent stays up", () => {
  using t = pumping();
  t.home.db.exec("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  t.spool.put("tracking", RUN_STARTED);
  assertEquals(t.pump.sendStatus(() => ({})), false);
  t.pump.connected();
  assertEquals(t.frames, []);
  const [wrong] = t.guard.conditions();
  assertEquals(wrong?.code, "state.unwritable");
  assertStringIncludes(wrong!.reason, "disk full");

  t.home.db.exec("DROP TRIGGER full");
  t.pump.sendStatus(() => ({}));
  t.pump.drain();
  t.ack(0);
  assertEquals([t.frames.length, t.batches().length], [3, 1]);
  assertEquals(verification(t.reader).fault, undefined);
  assertEquals(t.guard.conditions(), []);
});

Deno.test("what fails for want of room is done again once some is made, each payload and each receipt once", () => {
  const makeRoom = () => t.home.db.exec("DROP TRIGGER full");
  const fillDisk = (table: string) =>
    t.home.db.exec(
      `CREATE TRIGGER full BEFORE INSERT ON ${table} BEGIN SELECT RAISE(FAIL, 'disk full'); END`,
    );
  using t = pumping({
    attempt(work) {
      try {
        return work();
      } catch {
        makeRoom();
        return work();
      }
    },
  });
  t.spool.put("tracking", RUN_STARTED);
  fillDisk("ledger");
  assertEquals(t.pump.sendStatus(() => ({})), true);
  fillDisk("ledger");
  t.pump.connected(); // asks how far the platform is
  fillDisk("ledger");
  t.ack(0); // and is answered: the records go
  fillDisk("ledger_receipts");
  t.ack(1);
  assertEquals([t.frames.length, t.batches().length, t.spool.counts()], [3, 1, []]);
  assertEquals(verification(t.reader).fault, undefined);
});

Deno.test("an acknowledgement that cannot be written down is written down later", () => {
  using t = pumping();
  t.spool.put("tracking", RUN_STARTED);
  t.connect();
  t.home.db.exec(
    "CREATE TRIGGER full BEFORE INSERT ON ledger_receipts BEGIN SELECT RAISE(FAIL, 'disk full'); END",
  );
  t.ack(1);
  assertEquals(t.spool.counts()[0]?.waiting, 1);
  t.home.db.exec("DROP TRIGGER full");
  t.pump.drain();
  assertEquals([t.spool.counts(), t.batches().length], [[], 1]);
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
  t.connect();
  t.pump.sendStatus(() => ({}));
  assertEquals([t.batches(), t.frames.length, t.spool.counts()[0]?.waiting], [[], 1, 1]);
});

Deno.test("while the policy cannot be used everything stays, in its order, and a bare status says so", () => {
  using t = pumping({ policy: haltedPolicy("policy.yaml is broken at line 7") });
  t.spool.put("tracking", RUN_STARTED);
  t.connect();
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
  using t = pumping({ policy: tracking({ bytesPerDay: MIB }) });
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
      t.ack(t.batches().at(-1)!.through);
    }
  };
  t.connect();
  drainDay();
  const sentFirst = t.batches().at(-1)!.through;
  assert(sentFirst > 30 && sentFirst < count, String(sentFirst));
  assertEquals(t.spool.counts()[0]?.waiting, count - sentFirst);
  assert(t.reader.totals("class").find((each) => each.class === "tracking")!.bytes <= MIB);
  assert(t.pump.held?.includes("1 MiB a day"), t.pump.held);

  // A pump that starts anew knows from the ledger what has left today.
  assertEquals(new Spending(t.home.db, t.clock).circumstances().spent.tracking > MIB - 40_000, true);

  await t.clock.advance(24 * 3_600_000);
  drainDay();
  assertEquals([t.spool.counts(), t.pump.held], [[], undefined]);
  const seqs = t.batches().flatMap(({ records }) => records.map(({ seq }) => seq));
  assertEquals(seqs, Array.from({ length: count }, (_, i) => i + 1));
});

Deno.test("names are shaped on their way out, also of what was spooled before the policy said so", () => {
  using t = pumping();
  const file = { role: "source", name: "a.csv", directory: "data/in", bytes: 1, documents: 1, failed: 0 };
  t.spool.put("tracking", { kind: "run-files", runId: RUN_STARTED.runId, files: [file] });
  t.owner.policy = compilePolicy(
    { ...DEFAULT_OPTIONS, tracking: { ...DEFAULT_OPTIONS.tracking, names: "hashed" } },
    { nameKey: new Uint8Array(32) },
  );
  t.connect();
  const text = JSON.stringify(t.batches());
  assert(text.includes("hashed-") && !text.includes("a.csv"), text);
  assertEquals(t.reader.newest(1)[0]!.policy, t.owner.policy.hash);
});

Deno.test("a state that one message cannot hold is told in several, each in the ledger", () => {
  using t = pumping();
  const body = new Uint8Array(600 * 1024);
  t.pump.sendStatus(() => ({
    health: { healthy: false, lastError: "x".repeat(10), status: "degraded" },
    effectiveConfig: { configMap: { configMap: { a: { body }, b: { body: body.subarray(0, 423 * 1024) } } } },
    remoteConfigStatus: { errorMessage: "y".repeat(60 * 1024) },
  }));
  const told = t.frames.map((frame) => decodeFrame(AgentToServerSchema, frame));
  assertEquals(
    told.map(({ health, effectiveConfig, remoteConfigStatus }) =>
      [health, effectiveConfig, remoteConfigStatus].filter((part) => part !== undefined).length
    ),
    [1, 1, 1],
  );
  assertEquals(t.guard.conditions(), []);
});
