import * as z from "zod/mini";
import { closedObject, pattern, text, wholeNumber } from "../../base/quick_schemas.ts";
import { MAX_BATCH_RECORDS, MAX_FILES_PER_RECORD } from "../../base/limits.ts";
import { count, directory, documentCounts, endingError, name, time, uuid } from "./fields.ts";

/**
 * Tracking: what ran, on which files, with what result. Custom messages `io.sallyport.tracking/1`.
 *
 * - agent to platform, type `resume`: {@linkcode trackingResumeSchema}, before the first batch of a connection
 * - agent to platform, type `batch`: {@linkcode trackingBatchSchema}
 * - platform to agent, type `ack`: {@linkcode trackingAckSchema}, after the records are committed
 * - platform to agent, type `credit`: {@linkcode trackingCreditSchema}, when an agent that waits may go on
 *
 * Every schema is closed and bounded: what is not named here cannot leave.
 */

const seq = wholeNumber(1);

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

/** The classes of records that can be lost. */
export const GAP_CLASSES = ["tracking"] as const;

export const GAP_REASONS = ["quota-bytes", "quota-age", "unreadable", "damaged", "rolled-back"] as const;
/**
 * Why records were lost on the agent: `quota-bytes` and `quota-age`, more waited than its spool keeps, or for longer;
 * `unreadable`, they could not be read any more; `damaged`, its database was damaged, and at least these could not be
 * saved; `rolled-back`, its database went back to an earlier state, as by a backup that was restored, and nobody
 * knows how many.
 */
export type GapReason = (typeof GAP_REASONS)[number];

/** What stands in the place of records that were lost on the agent, so that no loss is silent. */
const gapSchema = closedObject({
  kind: z.literal("gap"),
  class: z.enum(GAP_CLASSES),
  reason: z.enum(GAP_REASONS),
  /** As many as are known to be lost, and their size as JSON. */
  records: count,
  bytes: count,
  /** When the first and the last of them were put into the spool, as far as that is known. */
  first: z.optional(time),
  last: time,
});
export type GapRecord = z.infer<typeof gapSchema>;

export const trackingRecordSchema = z.discriminatedUnion("kind", [
  runStartedSchema,
  runFinishedSchema,
  runFilesSchema,
  gapSchema,
]);
export type TrackingRecord = z.infer<typeof trackingRecordSchema>;

/**
 * The most bytes of batches that the agent may have on the way without an acknowledgement, until it is told another
 * number; 0 means wait. Before the first it is one batch ({@linkcode MAX_BATCH_BYTES}).
 */
const credit = count;

/** Asks how far the platform has a stream: it answers with an acknowledgement. */
export const trackingResumeSchema = closedObject({ stream: uuid });
export type TrackingResume = z.infer<typeof trackingResumeSchema>;

export const trackingBatchSchema = closedObject({
  /** Names the records of one spool; a home that lost its spool starts another stream. */
  stream: uuid,
  /** The highest sequence number that this batch settles; everything up to it was sent or withheld by policy. */
  through: seq,
  /** In order of their sequence numbers; numbers may be missing where the policy withheld a record. */
  records: z.array(closedObject({ seq, record: trackingRecordSchema })).check(
    z.maxLength(MAX_BATCH_RECORDS),
  ),
});
export type TrackingBatch = z.infer<typeof trackingBatchSchema>;

export const trackingAckSchema = closedObject({
  stream: uuid,
  /** Cumulative: everything up to and with this sequence number is stored. */
  through: count,
  credit: z.optional(credit),
});
export type TrackingAck = z.infer<typeof trackingAckSchema>;

export const trackingCreditSchema = closedObject({ credit });
