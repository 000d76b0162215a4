import "../base/schema_messages.ts";
import { utf8Length } from "../base/encoding.ts";
import { MAX_BATCH_BYTES, MAX_ERROR_CHARS } from "../base/limits.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { TrackedFile, TrackingBatch, TrackingRecord } from "../protocol/payloads/tracking.ts";
import { trackingRecordSchema } from "../protocol/payloads/tracking.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import type { Policy } from "./policy/policy.ts";
import { shapeText } from "./text.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** What a batch takes beside its records: stream, numbers, and the message around it. */
const ENVELOPE_BYTES = 512;

/** Decides on one tracking record from the spool, whatever was sent today. */
export function judgeTracking(record: unknown, policy: Policy): Verdict<TrackingRecord> {
  const judged = judge(record, policy);
  if (!judged.payload) return judged;
  const isSame = JSON.stringify(judged.payload) === JSON.stringify(record);
  return isSame ? judged : { ...judged, verdict: "shape" };
}

/** As {@linkcode judgeTracking}, without asking whether the record was shaped: `allow` says nothing of that. */
function judge(record: unknown, policy: Policy): Verdict<TrackingRecord> {
  const { halted, options } = policy;
  if (halted !== undefined) return { verdict: "hold", reason: halted };
  if (options.tracking.send === "deny") {
    return { verdict: "drop", reason: "the policy denies the class tracking" };
  }
  const parsed = trackingRecordSchema.safeParse(record);
  if (parsed.success) return { verdict: "allow", payload: shapeRecord(parsed.data, policy) };
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".");
  return {
    verdict: "drop",
    unfit: true,
    reason: `it does not fit its schema at "${where}": ${issue?.message}`,
  };
}

/** What of the head of the spool goes out next, and what of it does not. */
export interface ComposedBatch {
  records: TrackingBatch["records"];
  /** Everything up to and with this number is in `records` or in `dropped`; undefined when nothing is. */
  through: number | undefined;
  /** What never leaves: by the policy, or because it is `unfit`, not what tracking carries. */
  dropped: { seq: number; reason: string; unfit: boolean }[];
  /** Why what follows stays in the spool for now. It is never passed over: it will leave in its order. */
  held: string | undefined;
}

/**
 * Makes the next batch of the oldest payloads, in their order and as far as they fit into a message of `maxBytes` and
 * into the day's budget; the first always fits into the message. It ends before the first one that is held.
 */
export function composeBatch(
  payloads: readonly { seq: number; payload: unknown }[],
  policy: Policy,
  circumstances: Circumstances,
  maxBytes = MAX_BATCH_BYTES,
): ComposedBatch {
  const batch: ComposedBatch = { records: [], through: undefined, dropped: [], held: undefined };
  const left = bytesLeft("tracking", policy, circumstances);
  let bytes = ENVELOPE_BYTES;
  for (const { seq, payload } of payloads) {
    const verdict = judge(payload, policy);
    if (verdict.verdict === "hold") {
      batch.held = verdict.reason;
      break;
    }
    if (verdict.payload) {
      const item = { seq, record: verdict.payload };
      bytes += sizeOf(item) + 1;
      if (bytes > left) batch.held = overBudget("tracking", policy);
      if (bytes > left || (bytes > maxBytes && batch.records.length > 0)) break;
      batch.records.push(item);
    } else batch.dropped.push({ seq, reason: verdict.reason, unfit: verdict.unfit ?? false });
    batch.through = seq;
  }
  return batch;
}

function sizeOf(value: unknown): number {
  return utf8Length(JSON.stringify(value));
}

function shapeRecord(record: TrackingRecord, policy: Policy): TrackingRecord {
  if (record.kind === "run-started" || record.kind === "gap") return record;
  const { runId } = record;
  const files = shapesPlaces(policy)
    ? record.files.map((file): TrackedFile => ({ ...file, ...policy.shapePlace(file, runId) }))
    : record.files;
  if (record.kind === "run-files" || !record.error) return { ...record, files };
  return { ...record, files, error: shapeError(record.error, runId, policy) };
}

function shapesPlaces({ options: { tracking: { names, directories } } }: Policy): boolean {
  return names !== "plain" || directories !== "plain";
}

type RunError = NonNullable<Extract<TrackingRecord, { kind: "run-finished" }>["error"]>;

/**
 * The words of an error may quote any path, and a name may hold any character: nobody can find names in them for
 * certain. So where names do not leave as they are, the words are ours, made of the code and of the shaped file.
 */
function shapeError(error: RunError, runId: string, policy: Policy): RunError {
  if (!shapesPlaces(policy)) return { ...error, message: shapeText(error.message, policy) };
  const { code, file } = error;
  const place = file && policy.shapePlace(file, runId);
  const words = WORDS[code as ErrorCode] ?? "the run ended with an error";
  const message = place ? `${words}: ${place.directory}/${place.name}` : words;
  return { code, message: message.slice(0, MAX_ERROR_CHARS), ...(place ? { file: place } : {}) };
}

/** What ends runs, in words that quote nothing. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  "file.missing": "an input vanished before it was read to its end",
  "source.unreadable": "an input cannot be read, or changed while it was read",
  "sink.unwritable": "an output cannot be written",
  "disk.full": "no space is left on the file system of an output",
  "process.invalid": "a folder of the process may not be used",
  "run.failed": "the run failed",
  "internal": "the run met a defect of the agent",
};
