import * as z from "zod/mini";
import { closedObject, pattern, text } from "../../base/quick_schemas.ts";
import { MAX_FILES_PER_RECORD } from "../../base/limits.ts";
import { count, directory, documentCounts, endingError, name, time, uuid } from "./fields.ts";
import { batchOf, gapSchema } from "./stream.ts";

/**
 * Tracking: what ran, on which files, with what result. Records in a stream (see `stream.ts`), in custom messages
 * `io.sallyport.tracking/1`.
 *
 * Every schema is closed and bounded: what is not named here cannot leave.
 */

export const RUN_OUTCOMES = ["succeeded", "partial", "failed", "interrupted"] as const;
/**
 * How a run ended: `succeeded`, every document went through; `partial`, some documents failed and stand in the
 * dead letter; `failed`, an error ended it; `interrupted`, the agent was stopped or killed, and the inputs that
 * were not finished will be read again.
 */
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

export const TRIGGER_KINDS = ["manual", "every", "cron", "watch"] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

const run = {
  /** UUID version 7. */
  runId: uuid,
  process: name,
  /** The version that the definition names, and the first 12 hex digits of the SHA-256 of its text. */
  version: text(0, 60),
  definition: pattern("12 hex digits", /^[0-9a-f]{12}$/),
  trigger: z.enum(TRIGGER_KINDS),
  startedAt: time,
};

/** What a file was to its run. */
export const FILE_ROLES = ["source", "sink", "dead-letter"] as const;

const trackedFileSchema = closedObject({
  role: z.enum(FILE_ROLES),
  name,
  directory,
  bytes: count,
  documents: count,
  /** Documents of this file that failed. */
  failed: count,
});
export type TrackedFile = z.infer<typeof trackedFileSchema>;

const runStartedSchema = closedObject({ kind: z.literal("run-started"), ...run });
export type RunStarted = z.infer<typeof runStartedSchema>;

const runFinishedSchema = closedObject({
  kind: z.literal("run-finished"),
  ...run,
  endedAt: time,
  outcome: z.enum(RUN_OUTCOMES),
  documents: documentCounts,
  bytesIn: count,
  bytesOut: count,
  /** How many files the run touched; those beyond the list follow in `run-files` records. */
  fileCount: count,
  files: z.array(trackedFileSchema).check(z.maxLength(MAX_FILES_PER_RECORD)),
  error: z.optional(endingError),
});
export type RunFinished = z.infer<typeof runFinishedSchema>;

const runFilesSchema = closedObject({
  kind: z.literal("run-files"),
  runId: uuid,
  files: z.array(trackedFileSchema).check(z.minLength(1), z.maxLength(MAX_FILES_PER_RECORD)),
});

export const trackingRecordSchema = z.discriminatedUnion("kind", [
  runStartedSchema,
  runFinishedSchema,
  runFilesSchema,
  gapSchema,
]);
export type TrackingRecord = z.infer<typeof trackingRecordSchema>;

export const trackingBatchSchema = batchOf(trackingRecordSchema);
export type TrackingBatch = z.infer<typeof trackingBatchSchema>;
