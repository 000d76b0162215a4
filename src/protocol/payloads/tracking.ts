import * as z from "zod/mini";
import {
  MAX_BATCH_RECORDS,
  MAX_ERROR_CHARS,
  MAX_FILES_PER_RECORD,
  MAX_NAME_CHARS,
  MAX_PATH_CHARS,
} from "../../base/limits.ts";

/**
 * Tracking: what ran, on which files, with what result. Custom messages `io.sallyport.tracking/1`.
 *
 * - agent to platform, type `batch`: {@linkcode trackingBatchSchema}
 * - platform to agent, type `ack`: {@linkcode trackingAckSchema}, after the records are committed
 * - platform to agent, type `conflict`: the same schema, when the number behind `through` was settled with
 *   another record before. Two spools carry the name of one stream then: a home was copied, or restored from a
 *   backup. The agent settles what is stored and sends the rest under the name of a new stream.
 *
 * Every schema is closed and bounded: what is not named here cannot leave.
 */

const count = z.int().check(z.minimum(0));
const time = z.iso.datetime();
const name = z.string().check(z.minLength(1), z.maxLength(MAX_NAME_CHARS));
const seq = z.int().check(z.minimum(1));

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
  runId: z.uuid(),
  process: name,
  /** The version that the definition names, and the first 12 hex digits of the SHA-256 of its text. */
  version: z.string().check(z.maxLength(60)),
  definition: z.string().check(z.regex(/^[0-9a-f]{12}$/)),
  trigger: z.enum(TRIGGER_KINDS),
  startedAt: time,
};

/** Relative to the agent's home, with "/" between folders. */
const directory = z.string().check(z.maxLength(MAX_PATH_CHARS));

/** What a file was to its run. */
export const FILE_ROLES = ["source", "sink", "dead-letter"] as const;

export const trackedFileSchema = z.strictObject({
  role: z.enum(FILE_ROLES),
  name,
  directory,
  bytes: count,
  documents: count,
  /** Documents of this file that failed. */
  failed: count,
});
export type TrackedFile = z.infer<typeof trackedFileSchema>;

export const runStartedSchema = z.strictObject({ kind: z.literal("run-started"), ...run });

export const runFinishedSchema = z.strictObject({
  kind: z.literal("run-finished"),
  ...run,
  endedAt: time,
  outcome: z.enum(RUN_OUTCOMES),
  /** `in` = `out` + `filtered` + `failed`, unless an error ended the run half-way. */
  documents: z.strictObject({ in: count, out: count, filtered: count, failed: count }),
  bytesIn: count,
  bytesOut: count,
  /** How many files the run touched; those beyond the list follow in `run-files` records. */
  fileCount: count,
  files: z.array(trackedFileSchema).check(z.maxLength(MAX_FILES_PER_RECORD)),
  /** What ended a run that failed. Never the content of a document. */
  error: z.optional(z.strictObject({
    code: z.string().check(z.maxLength(60)),
    message: z.string().check(z.maxLength(MAX_ERROR_CHARS)),
    /** The input that it is about. */
    file: z.optional(z.strictObject({ name, directory })),
  })),
});
export type RunFinished = z.infer<typeof runFinishedSchema>;

export const runFilesSchema = z.strictObject({
  kind: z.literal("run-files"),
  runId: z.uuid(),
  files: z.array(trackedFileSchema).check(z.minLength(1), z.maxLength(MAX_FILES_PER_RECORD)),
});

export const trackingRecordSchema = z.discriminatedUnion("kind", [
  runStartedSchema,
  runFinishedSchema,
  runFilesSchema,
]);
export type TrackingRecord = z.infer<typeof trackingRecordSchema>;

const streamId = z.uuid();

export const trackingBatchSchema = z.strictObject({
  /** Names one spool; a home that lost its spool starts another stream. */
  stream: streamId,
  /** The highest sequence number that this batch settles; everything up to it was sent or withheld by policy. */
  through: seq,
  /** In order of their sequence numbers; numbers may be missing where the policy withheld a record. */
  records: z.array(z.strictObject({ seq, record: trackingRecordSchema })).check(
    z.maxLength(MAX_BATCH_RECORDS),
  ),
});
export type TrackingBatch = z.infer<typeof trackingBatchSchema>;

export const trackingAckSchema = z.strictObject({
  stream: streamId,
  /** Cumulative: everything up to and with this sequence number is stored. */
  through: count,
});
export type TrackingAck = z.infer<typeof trackingAckSchema>;
