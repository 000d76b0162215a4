import { assertEquals } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  expandHeartbeats,
  heartbeatSequence,
  isHeartbeatAfter,
  MAX_HEARTBEATS,
} from "../../src/ledger/heartbeats.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";

const frame = (uid: Uint8Array, sequence: bigint, capabilities: bigint, parts: MessageParts = {}) =>
  encodeFrame(
    AgentToServerSchema,
    create(AgentToServerSchema, {
      ...parts,
      instanceUid: new Uint8Array(uid),
      sequenceNum: sequence,
      capabilities,
    }),
  );
const uid = fc.uint8Array({ minLength: 16, maxLength: 16 });
const capabilities = fc.bigInt(1n, 2n ** 64n - 1n);

Deno.test("from the first heartbeat and a count follow exactly the frames that the agent would send", () => {
  fc.assert(
    fc.property(
      uid,
      capabilities,
      fc.bigInt(1n, 2n ** 40n),
      fc.integer({ min: 1, max: 300 }),
      (uid, bits, from, count) => {
        const frames = Array.from({ length: count }, (_, i) => frame(uid, from + BigInt(i), bits));
        const first = frames[0]!;
        assertEquals(heartbeatSequence(first), Number(from));
        assertEquals(expandHeartbeats(first, count)?.toHex(), frames.map((each) => each.toHex()).join(""));
        assertEquals(isHeartbeatAfter(first, count - 1, frames.at(-1)!), true);
        assertEquals(isHeartbeatAfter(first, count, frames.at(-1)!), false);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("what has any other field, form or length is no heartbeat", () => {
  const id = new Uint8Array(16).fill(7);
  const good = frame(id, 300n, 5n);
  assertEquals(heartbeatSequence(good), 300);
  const others = [
    frame(id, 300n, 5n, { health: { healthy: true } }),
    frame(id, 300n, 5n, { flags: 1n }),
    frame(id, 300n, 5n, { agentDisconnect: {} }),
    frame(id, 300n, 0n),
    frame(id, 0n, 5n), // the first message of a connection is a greeting
    frame(id.subarray(1), 300n, 5n),
    frame(id, 2n ** 60n, 5n),
    good.subarray(1),
    good.subarray(0, -1),
    new Uint8Array([...good, 0x20, 0x05]),
    Uint8Array.fromHex(good.toHex().replace("10ac0220", "10ac820020")), // 300 with a needless byte
    new Uint8Array(),
  ];
  for (const other of others) assertEquals(heartbeatSequence(other), undefined, other.toHex());
});

Deno.test("no count makes a checker run out of memory", () => {
  const first = frame(new Uint8Array(16), 1n, 1n);
  assertEquals(expandHeartbeats(first, MAX_HEARTBEATS)?.length !== undefined, true);
  for (const count of [0, -1, MAX_HEARTBEATS + 1, 2 ** 40, NaN]) {
    assertEquals(expandHeartbeats(first, count), undefined);
  }
  assertEquals(expandHeartbeats(frame(new Uint8Array(16), 2n ** 49n - 2n, 1n), 5), undefined);
});
