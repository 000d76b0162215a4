import "../base/schema_messages.ts";
import type { ZodMiniType } from "zod/mini";
import { utf8Length } from "../base/encoding.ts";
import { MAX_BATCH_BYTES } from "../base/limits.ts";
import { misfit } from "../protocol/messages.ts";
import type { GapRecord, RecordBatch } from "../protocol/payloads/stream.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import type { Policy } from "./policy/policy.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** What a batch takes beside its records: stream, numbers, and the message around it. */
const ENVELOPE_BYTES = 512;

/** A class of records that wait in the spool, in the channel of its name, and how the gate decides on one of them. */
export interface RecordClass<R extends object> {
  readonly class: GapRecord["class"];
  /** The capability of the custom messages in which they travel. */
  readonly capability: string;
  readonly schema: ZodMiniType<R>;
  /** Why nothing of the class leaves, whatever it says. */
  refusal(policy: Policy, now: number): string | undefined;
  /** Decides on a record that fits the schema: its form, or why it never leaves. */
  shape(record: R, policy: Policy, now: number): R | { refused: string };
}

/** Decides on one record from the spool, whatever was sent today. */
export function judgeRecord<R extends object>(
  kind: RecordClass<R>,
  record: unknown,
  policy: Policy,
  now: number,
): Verdict<R> {
  const judged = judge(kind, record, policy, now);
  if (judged.reason !== undefined) return judged;
  const isSame = JSON.stringify(judged.payload) === JSON.stringify(record);
  return isSame ? judged : { ...judged, verdict: "shape" };
}

/** As {@linkcode judgeRecord}, without asking whether the record was shaped: `allow` says nothing of that. */
function judge<R extends object>(
  kind: RecordClass<R>,
  record: unknown,
  policy: Policy,
  now: number,
): Verdict<R> {
  if (policy.halted !== undefined) return { verdict: "hold", reason: policy.halted };
  const refusal = kind.refusal(policy, now);
  if (refusal !== undefined) return { verdict: "drop", reason: refusal };
  const parsed = kind.schema.safeParse(record);
  if (!parsed.success) return { verdict: "drop", unfit: true, reason: misfit(parsed.error) };
  const shaped = kind.shape(parsed.data, policy, now);
  return isRefused(shaped)
    ? { verdict: "drop", reason: shaped.refused }
    : { verdict: "allow", payload: shaped };
}

function isRefused<R extends object>(shaped: R | { refused: string }): shaped is { refused: string } {
  return "refused" in shaped;
}

/** What of the head of the spool goes out next, and what of it does not. */
export interface ComposedBatch<R extends object> {
  records: RecordBatch<R>["records"];
  /** Everything up to and with this number is in `records` or in `dropped`; undefined when nothing is. */
  through: number | undefined;
  /** What never leaves: by the policy, or because it is `unfit`, not what its class carries. */
  dropped: { seq: number; reason: string; unfit: boolean }[];
  /** Why what follows stays in the spool for now. It is never passed over: it will leave in its order. */
  held: string | undefined;
}

/**
 * Makes the next batch of the oldest payloads, in their order and as far as they fit into a message of `maxBytes` and
 * into the day's budget; the first always fits into the message. It ends before the first one that is held.
 */
export function composeBatch<R extends object>(
  kind: RecordClass<R>,
  payloads: readonly { seq: number; payload: unknown }[],
  policy: Policy,
  circumstances: Circumstances,
  maxBytes = MAX_BATCH_BYTES,
): ComposedBatch<R> {
  const batch: ComposedBatch<R> = { records: [], through: undefined, dropped: [], held: undefined };
  const left = bytesLeft(kind.class, policy, circumstances);
  let bytes = ENVELOPE_BYTES;
  for (const { seq, payload } of payloads) {
    const verdict = judge(kind, payload, policy, circumstances.now);
    if (verdict.verdict === "hold") {
      batch.held = verdict.reason;
      break;
    }
    if (verdict.reason !== undefined) {
      batch.dropped.push({ seq, reason: verdict.reason, unfit: verdict.unfit ?? false });
    } else {
      const item = { seq, record: verdict.payload };
      bytes += sizeOf(item) + 1;
      if (bytes > left) batch.held = overBudget(kind.class, policy);
      if (bytes > left || (bytes > maxBytes && batch.records.length > 0)) break;
      batch.records.push(item);
    }
    batch.through = seq;
  }
  return batch;
}

function sizeOf(value: unknown): number {
  return utf8Length(JSON.stringify(value));
}
