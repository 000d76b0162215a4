import { assertEquals, assertThrows } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { SallyportError } from "../../src/base/errors.ts";
import { MAX_MESSAGE_BYTES } from "../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/codec.ts";
import { closeReason } from "../../src/protocol/closing.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";

Deno.test("a frame is the header 0 and the protobuf, and comes back as it was", () => {
  const message = create(AgentToServerSchema, {
    instanceUid: new Uint8Array(16),
    sequenceNum: 7n,
    agentDisconnect: {},
  });
  const frame = encodeFrame(AgentToServerSchema, message);
  assertEquals(frame[0], 0);
  assertEquals(decodeFrame(AgentToServerSchema, frame), message);
});

Deno.test("another header, an empty frame and one over the limit are refused", () => {
  assertThrows(
    () => decodeFrame(AgentToServerSchema, new Uint8Array([1, 2])),
    SallyportError,
    "begins with 1",
  );
  assertThrows(
    () => decodeFrame(AgentToServerSchema, new Uint8Array()),
    SallyportError,
    "begins with nothing",
  );
  assertThrows(
    () => decodeFrame(AgentToServerSchema, new Uint8Array(MAX_MESSAGE_BYTES + 1)),
    SallyportError,
    "at most",
  );
  const tooBig = create(AgentToServerSchema, { customMessage: { data: new Uint8Array(MAX_MESSAGE_BYTES) } });
  assertThrows(() => encodeFrame(AgentToServerSchema, tooBig), SallyportError, "at most");
});

Deno.test("random bytes are either a message or an error of ours, never a crash", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeFrame(AgentToServerSchema, new Uint8Array([0, ...bytes]));
      } catch (error) {
        if (!(error instanceof SallyportError)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a close reason always fits its frame, also when it is cut inside a character", () => {
  for (const words of ["short", "x".repeat(200), "é".repeat(100), "🏰".repeat(50)]) {
    assertEquals(new TextEncoder().encode(closeReason(words)).length <= 123, true);
  }
  assertEquals(closeReason("short"), "short");
});
