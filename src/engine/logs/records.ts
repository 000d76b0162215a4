import * as z from "zod/mini";
import { closedObject, leaf } from "../../base/quick_schemas.ts";
import { count, uuid } from "../../protocol/payloads/fields.ts";
import type { RunLogLevel } from "../../protocol/payloads/logs.ts";
import { logGapSchema, logMessageSchema, logStepSchema } from "../../protocol/payloads/logs.ts";

/**
 * The lines of a log file: a `log` first, then messages and gaps as they are asked for, and every now and then a
 * `snapshot` of how far the run is, so that a summary takes no more than the end of the file.
 */

const logHeaderSchema = closedObject({
  kind: z.literal("log"),
  format: leaf<1>("the format 1", (value) => value === 1),
  runId: uuid,
  /** Which file of the run this is, from 0. */
  segment: count,
  /** Messages of the run before this file, and their bytes. */
  recordsBefore: count,
  bytesBefore: count,
});
export type LogHeader = z.infer<typeof logHeaderSchema>;

type LevelCounts = Record<RunLogLevel, number>;

const snapshotSchema = closedObject({
  kind: z.literal("snapshot"),
  /** Messages of the run so far, and their bytes. */
  records: count,
  bytes: count,
  levels: closedObject({ debug: count, info: count, warning: count, error: count }),
  steps: z.array(logStepSchema),
  /** Why the log goes no further: its run has ended. */
  ended: z.optional(z.literal(true)),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

const lineSchema = z.discriminatedUnion("kind", [
  logHeaderSchema,
  logMessageSchema,
  logGapSchema,
  snapshotSchema,
]);
export type LogLine = z.infer<typeof lineSchema>;

/** What a line says, or undefined when it is damaged. */
export function parseLine(line: string): LogLine | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export const noLevels = (): LevelCounts => ({ debug: 0, info: 0, warning: 0, error: 0 });
