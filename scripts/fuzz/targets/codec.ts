import { equals } from "@bufbuild/protobuf";
import type { DescMessage } from "@bufbuild/protobuf";
import { readReport } from "../../../src/platform/sessions/report.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/codec.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../../src/protocol/generated/opamp_pb.ts";
import { refusing } from "../refusing.ts";
import type { FuzzTarget } from "../target.ts";

/** What is decoded is encoded to something that decodes to the same. */
function roundTrip<T extends DescMessage>(schema: T, input: Uint8Array<ArrayBuffer>) {
  const message = decodeFrame(schema, input);
  if (!equals(schema, message, decodeFrame(schema, encodeFrame(schema, message)))) {
    throw new Error("a message changes when it is encoded and decoded");
  }
  return message;
}

/** OpAMP's frames, either way, and what the platform reads of an agent's. */
export const codec: FuzzTarget = {
  name: "codec",
  dictionary: ["\x00", "\x0a\x10", "\x7f", "\x80\x80\x80\x80\x10", "\xff\xff\xff\xff\x0f", "process/", "1\n"],
  run(input) {
    refusing(["platform.protocol"], () => readReport(roundTrip(AgentToServerSchema, input)));
    refusing(["platform.protocol"], () => roundTrip(ServerToAgentSchema, input));
  },
};
