import * as z from "zod/mini";
import { closedObject, wholeNumber } from "../../base/quick_schemas.ts";
import { MAX_BATCH_RECORDS } from "../../base/limits.ts";
import { count, time, uuid } from "./fields.ts";

/**
 * How records travel that wait in the spool: in streams with growing numbers, each channel's in custom messages of
 * its own capability.
 *
 * - agent to platform, type `resume`: {@linkcode resumeSchema}, before the first batch of a connection
 * - agent to platform, type `batch`: a schema of {@linkcode batchOf}
 * - platform to agent, type `ack`: {@linkcode ackSchema}, after the records are committed
 * - platform to agent, type `credit`: {@linkcode creditSchema}, when an agent that waits may go on
 */

const seq = wholeNumber(1);

/** The classes of records that can be lost. */
export const GAP_CLASSES = ["tracking", "data"] as const;

export const GAP_REASONS = ["quota-bytes", "quota-age", "unreadable", "damaged", "rolled-back"] as const;
/**
 * Why records were lost on the agent: `quota-bytes` and `quota-age`, more waited than its spool keeps, or for longer;
 * `unreadable`, they could not be read any more; `damaged`, its database was damaged, and at least these could not be
 * saved; `rolled-back`, its database went back to an earlier state, as by a backup that was restored, and nobody
 * knows how many.
 */
export type GapReason = (typeof GAP_REASONS)[number];

/** What stands in the place of records that were lost on the agent, so that no loss is silent. */
export const gapSchema = closedObject({
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

/**
 * The most bytes of batches that the agent may have on the way without an acknowledgement, of all channels together,
 * until it is told another number; 0 means wait. Before the first it is one batch ({@linkcode MAX_BATCH_BYTES}).
 */
const credit = count;

/** Asks how far the platform has a stream: it answers with an acknowledgement. */
export const resumeSchema = closedObject({ stream: uuid });
export type Resume = z.infer<typeof resumeSchema>;

/** A batch of the records of one channel. */
export interface RecordBatch<R> {
  /** Names the records of one spool; a home that lost its spool starts another stream. */
  stream: string;
  /** The highest sequence number that this batch settles; everything up to it was sent or withheld by policy. */
  through: number;
  /** In order of their sequence numbers; numbers may be missing where the policy withheld a record. */
  records: { seq: number; record: R }[];
}

/** The schema of a {@linkcode RecordBatch} of such records. */
export function batchOf<R>(record: z.ZodMiniType<R>): z.ZodMiniType<RecordBatch<R>> {
  return closedObject({
    stream: uuid,
    through: seq,
    records: z.array(closedObject({ seq, record })).check(z.maxLength(MAX_BATCH_RECORDS)),
  });
}

export const ackSchema = closedObject({
  stream: uuid,
  /** Cumulative: everything up to and with this sequence number is stored. */
  through: count,
  credit: z.optional(credit),
});
export type Ack = z.infer<typeof ackSchema>;

export const creditSchema = closedObject({ credit });
