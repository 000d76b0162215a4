import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { SpooledChannel } from "../../src/agent/drain/channel.ts";
import { Turns } from "../../src/agent/drain/turns.ts";
import { Window } from "../../src/agent/drain/window.ts";
import { MAX_BATCH_BYTES, MAX_CREDIT_BYTES, SPOOL_QUOTAS } from "../../src/base/limits.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { DOCUMENTS, RUN_STARTED } from "../support/records.ts";
import { policyWith } from "../gate/support.ts";
import { pumping } from "./support.ts";

/** A channel of the test's own; its messages have its name as their type. */
function channel(name: string, weight: number): SpooledChannel {
  return {
    name,
    capability: CUSTOM.tracking,
    weight,
    resume: (stream) => jsonMessage(CUSTOM.tracking, `${name}-resume`, { stream }),
    batch: (_stream, entries) => ({
      message: jsonMessage(CUSTOM.tracking, name, entries),
      records: `${entries.length} of ${name}`,
      through: entries.at(-1)!.seq,
      unfit: [],
      held: undefined,
    }),
  };
}

const QUOTA = { bytes: 1e9, ageMs: 1e9 };
const line = "x".repeat(60_000);

Deno.test("channels that compete share the way out by their weights, and neither starves", () => {
  using t = pumping({
    channels: [channel("logs", 1), channel("errors", 3)],
    quotas: { logs: QUOTA, errors: QUOTA },
  });
  for (let n = 0; n < 80; n++) for (const name of ["logs", "errors"]) t.spool.put(name, line);
  t.connect();
  const types = () =>
    t.frames.map((frame) => decodeFrame(AgentToServerSchema, frame).customMessage!.type)
      .filter((type) => !type.endsWith("-resume"));
  const sent = { logs: 0, errors: 0 };
  for (let turn = 0; types().length < 16; turn++) {
    const name = types()[turn] as keyof typeof sent;
    const [last] = t.reader.newest(1);
    sent[name] += Number(last!.records.split(" ")[0]);
    t.ack(sent[name], undefined, name);
  }
  assertEquals(Map.groupBy(types(), (type) => type).get("errors")?.length, 12);
});

Deno.test("a channel that was quiet goes next, and a status goes at once, whatever the others have to say", () => {
  using t = pumping({
    channels: [channel("logs", 1), channel("errors", 1)],
    quotas: { logs: QUOTA, errors: QUOTA },
  });
  const types = () => t.frames.map((frame) => decodeFrame(AgentToServerSchema, frame).customMessage?.type);
  for (let n = 0; n < 200; n++) t.spool.put("logs", line);
  t.connect();
  for (let through = 4; through <= 40; through += 4) t.ack(through, undefined, "logs");
  t.spool.put("errors", "disk on fire");
  t.pump.drain();
  t.ack(0, undefined, "errors"); // the answer to what it has
  assertEquals(types().slice(-2), ["logs", "errors-resume"]);
  t.pump.sendStatus(() => ({ health: { healthy: false } }));
  assertEquals(types().at(-1), undefined);
  t.ack(44, undefined, "logs");
  assertEquals(types().at(-1), "errors");
});

Deno.test("over any time in which two channels both have something, each gets its weight's share", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: MAX_BATCH_BYTES }), { minLength: 50, maxLength: 200 }),
    fc.integer({ min: 1, max: 8 }),
    (batches, weight) => {
      const turns = new Turns();
      const channels = [{ name: "a", weight }, { name: "b", weight: 1 }];
      const sent: Record<string, number> = { a: 0, b: 0 };
      // What one took while it was alone is not held against it.
      for (let alone = 0; alone < 50; alone++) turns.took("a", MAX_BATCH_BYTES, weight);
      for (const bytes of batches) {
        const [next] = turns.order(channels);
        turns.took(next!.name, bytes, next!.weight);
        sent[next!.name]! += bytes;
      }
      const unfair = Math.abs(sent.a! / weight - sent.b!);
      assert(unfair <= 2 * MAX_BATCH_BYTES, `a got ${sent.a}, b got ${sent.b}, weight ${weight}`);
    },
  ));
});

Deno.test("a window never lets more on the way than the credit, but one record, and never closes for ever", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ credit: fc.option(fc.nat(2 * MAX_CREDIT_BYTES)), acks: fc.nat(3) })),
    (events) => {
      const window = new Window();
      const under: number[] = [];
      for (const { credit, acks } of events) {
        if (credit !== null) window.grant(credit);
        for (const bytes of under.splice(0, acks)) window.freed(bytes);
        for (let room = window.room; room > 0; room = window.room) {
          window.took(room);
          under.push(room);
          if (credit !== null) assert(window.onTheWay <= Math.min(credit, MAX_CREDIT_BYTES));
        }
      }
      for (const bytes of under) window.freed(bytes);
      window.grant(1);
      assert(window.room > 0);
    },
  ));
});

const allowed = (bytesPerDay = 1e9) =>
  policyWith({ data: { send: "allow", until: DOCUMENTS.until, bytesPerDay } });
/** A record of tracked fields of some 60 kB. */
const LARGE = {
  ...DOCUMENTS,
  documents: Array.from(
    { length: 60 },
    (_, i) => ({ row: i + 1, result: "out", fields: { note: "x".repeat(950) } }),
  ),
};
/** The classes of what was sent, in its order, without the questions how far the platform is. */
const classes = (t: ReturnType<typeof pumping>) =>
  t.reader.newest(1_000).filter(({ records }) => records !== "resume").map((entry) => entry.class);

Deno.test("a backlog of data keeps neither tracking nor a status waiting, and gets its share", () => {
  using t = pumping({ policy: allowed() });
  for (let n = 0; n < 40; n++) t.spool.put("data", LARGE);
  t.connect();
  assertEquals(classes(t), ["data"]);
  t.spool.put("tracking", RUN_STARTED);
  t.pump.drain();
  t.ack(0); // the answer to what it has of tracking
  t.pump.sendStatus(() => ({ health: { healthy: true } }));
  assertEquals(classes(t), ["data", "status"]);
  t.ack(4, undefined, "data");
  assertEquals(classes(t).slice(2), ["tracking"]);

  // Where both have much to say, tracking has four times the bytes of data.
  const file = {
    role: "source",
    name: "a.csv",
    directory: "d".repeat(900),
    bytes: 1,
    documents: 1,
    failed: 0,
  };
  const files = {
    kind: "run-files",
    runId: RUN_STARTED.runId,
    files: Array.from({ length: 60 }, () => file),
  };
  for (let n = 0; n < 200; n++) t.spool.put("tracking", files);
  const bytes = (name: string) => t.reader.totals("class").find((total) => total.class === name)!.bytes;
  const before = { data: bytes("data"), tracking: bytes("tracking") };
  const through = { data: 4, tracking: 1 };
  for (let turn = 0; turn < 40; turn++) {
    const last = t.reader.newest(1)[0]!;
    const name = last.class as keyof typeof through;
    through[name] = Number(/-([0-9]+) /.exec(last.records)![1]);
    t.ack(through[name], undefined, name);
  }
  const ratio = (bytes("tracking") - before.tracking) / (bytes("data") - before.data);
  assert(ratio > 3 && ratio < 6, `${ratio}`);
});

Deno.test("data that is held for its budget holds up nothing else, and is told for as long as it is", () => {
  using t = pumping({ policy: allowed(1_000) });
  t.spool.put("data", LARGE);
  t.spool.put("tracking", RUN_STARTED);
  t.connect();
  assertEquals(classes(t), ["tracking"]);
  t.ack(1);
  assertEquals(t.pump.held, "the policy's budget for data, 0 MiB a day of UTC, is used up for today");
  t.owner.policy = allowed();
  t.pump.drain();
  assertEquals([classes(t), t.pump.held], [["tracking", "data"], undefined]);
});

Deno.test("of data that the policy does not allow, or no more, nothing leaves, not even a question", () => {
  for (
    const data of [{}, { send: "ask" as const }, { send: "allow" as const, until: "2020-01-01T00:00:00Z" }]
  ) {
    using t = pumping({ policy: policyWith({ data }) });
    t.spool.put("data", DOCUMENTS);
    t.connect();
    t.pump.drain();
    assertEquals([t.frames.length, t.spool.counts()], [0, []]);
  }
  using t = pumping({ policy: allowed() });
  t.spool.put("data", { ...DOCUMENTS, until: "2020-01-01T00:00:00Z" });
  t.connect();
  assertEquals([classes(t), t.spool.counts()], [[], []]);
});

Deno.test("what the spool loses of data is told in its place, as data", () => {
  const quotas = { ...SPOOL_QUOTAS, data: { bytes: 200_000, ageMs: 1e9 } };
  using t = pumping({ policy: allowed(), quotas });
  for (let n = 0; n < 6; n++) t.spool.put("data", LARGE);
  t.connect();
  const [batch] = t.batches();
  const [{ record }] = batch!.records as unknown as [
    { record: { kind: string; class: string; records: number } },
  ];
  assertEquals([record.kind, record.class, record.records], ["gap", "data", 3]);
});
