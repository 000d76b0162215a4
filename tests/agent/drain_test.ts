import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { SpooledChannel } from "../../src/agent/drain/channel.ts";
import { Turns } from "../../src/agent/drain/turns.ts";
import { Window } from "../../src/agent/drain/window.ts";
import { MAX_BATCH_BYTES, MAX_CREDIT_BYTES } from "../../src/base/limits.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
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
