import { MAX_ERROR_CHARS } from "../base/limits.ts";
import type { ErrorCode } from "../base/errors.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import type { TrackedFile, TrackingRecord } from "../protocol/payloads/tracking.ts";
import { trackingRecordSchema } from "../protocol/payloads/tracking.ts";
import type { RecordClass } from "./batch.ts";
import type { Policy } from "./policy/policy.ts";
import { whyDenied } from "./policy/policy.ts";
import { shapeText } from "./text.ts";

/** Tracking: what ran leaves as a whole or not at all, with its names and words in the form of the policy. */
export const TRACKING: RecordClass<TrackingRecord> = {
  class: "tracking",
  capability: CUSTOM.tracking,
  schema: trackingRecordSchema,
  refusal: (policy) => whyDenied("tracking", policy),
  shape: shapeRecord,
};

function shapeRecord(record: TrackingRecord, policy: Policy): TrackingRecord {
  if (record.kind === "run-started" || record.kind === "gap") return record;
  const { runId } = record;
  const files = shapesPlaces(policy)
    ? record.files.map((file): TrackedFile => ({ ...file, ...policy.shapePlace(file, runId) }))
    : record.files;
  if (record.kind === "run-files" || !record.error) return { ...record, files };
  return { ...record, files, error: shapeError(record.error, runId, policy) };
}

/** Whether names of files leave in another form than they have. */
export function shapesPlaces({ options: { tracking: { names, directories } } }: Policy): boolean {
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
