import { create } from "@bufbuild/protobuf";
import type { ZodMiniType } from "zod/mini";
import { MAX_MESSAGE_BYTES } from "../../../src/base/limits.ts";
import { enrolmentCertificateSchema, enrolmentRequestSchema } from "../../../src/protocol/enrolment.ts";
import { CustomMessageSchema } from "../../../src/protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../../../src/protocol/messages.ts";
import { dataBatchSchema } from "../../../src/protocol/payloads/data.ts";
import { errorRecordSchema } from "../../../src/protocol/payloads/errors.ts";
import { logRecordSchema } from "../../../src/protocol/payloads/logs.ts";
import {
  chunkSchema,
  creditSchema,
  endingSchema,
  requestSchema,
} from "../../../src/protocol/payloads/requests.ts";
import { schemaRecordSchema, schemaRequestSchema } from "../../../src/protocol/payloads/schema.ts";
import { ackSchema } from "../../../src/protocol/payloads/stream.ts";
import { trackingBatchSchema } from "../../../src/protocol/payloads/tracking.ts";
import { proofSchema } from "../../../src/protocol/proof.ts";
import { refusing } from "../refusing.ts";
import type { FuzzTarget } from "../target.ts";

const SCHEMAS: readonly ZodMiniType[] = [
  trackingBatchSchema,
  dataBatchSchema,
  ackSchema,
  requestSchema,
  creditSchema,
  chunkSchema,
  endingSchema,
  logRecordSchema,
  errorRecordSchema,
  schemaRequestSchema,
  schemaRecordSchema,
  proofSchema,
  enrolmentRequestSchema,
  enrolmentCertificateSchema,
];

/** The JSON of every custom message: what fits its schema is bounded, and has no key that the schema does not name. */
export const payloads: FuzzTarget = {
  name: "payloads",
  dictionary: ['"', "{", "}", "[", "]", ",", ":", "null", "1e999", "-1", "\\u0000", '"__proto__":', '"seq":'],
  run(input) {
    for (const schema of SCHEMAS) {
      const message = create(CustomMessageSchema, { capability: "fuzz", type: "fuzz", data: input });
      const read = refusing(["platform.protocol"], () => readJsonMessage(message, schema));
      if (read === undefined) continue;
      const told = JSON.stringify(read);
      if (told.length > MAX_MESSAGE_BYTES) throw new Error(`a payload of ${told.length} characters passes`);
      if (JSON.stringify(schema.parse(JSON.parse(told))) !== told) {
        throw new Error("a payload changes when it is written and read");
      }
    }
  },
};
