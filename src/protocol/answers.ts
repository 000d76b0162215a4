import { createHash } from "node:crypto";
import type * as z from "zod/mini";
import { CUSTOM } from "./capabilities.ts";
import { errorQuerySchema, errorRecordSchema } from "./payloads/errors.ts";
import { logQuerySchema, logRecordSchema } from "./payloads/logs.ts";
import { schemaRecordSchema, schemaRequestSchema } from "./payloads/schema.ts";

/**
 * The classes that can be asked for by a channel: what a request of each takes, and what a record of its answer
 * carries, which is all that there is and no more.
 */
export const ANSWERS = {
  logs: { parameters: logQuerySchema, record: logRecordSchema },
  errors: { parameters: errorQuerySchema, record: errorRecordSchema },
  schema: { parameters: schemaRequestSchema, record: schemaRecordSchema },
} as const satisfies Record<string, { parameters: z.ZodMiniType; record: z.ZodMiniType }>;

export type AnswerClass = keyof typeof ANSWERS;
/** What is asked of a class. */
export type AnswerParameters<C extends AnswerClass> = z.infer<(typeof ANSWERS)[C]["parameters"]>;
export const ANSWER_CLASSES = Object.keys(ANSWERS) as AnswerClass[];

/** The class that a capability carries; undefined when it is none of these. */
export function answerClassOf(capability: string): AnswerClass | undefined {
  return ANSWER_CLASSES.find((name) => CUSTOM[name] === capability);
}

/** One record of an answer as its line, with the line feed. */
export function answerLine(record: unknown): string {
  return `${JSON.stringify(record)}\n`;
}

/** The hash of a chunk, from that of the chunk before (hex; empty for the first) and its lines. */
export function chunkHash(previous: string, lines: string | Uint8Array): string {
  return createHash("sha256").update(Uint8Array.fromHex(previous)).update(lines).digest("hex");
}
