import { MAX_FILES_PER_RECORD, MAX_NAME_CHARS, MAX_PATH_CHARS, MAX_PAYLOAD_BYTES } from "../base/limits.ts";
import type { RunFinished, TrackingRecord } from "../protocol/payloads/tracking.ts";
import { inParts } from "./parts.ts";
import type { RunHead, RunResult } from "./runs.ts";

/** What the files of one record may take, as JSON: with its other fields it then stays below a spool payload. */
const PART = { items: MAX_FILES_PER_RECORD, bytes: MAX_PAYLOAD_BYTES - 32 * 1024 };

/** The records that end a run: `run-finished`, then `run-files` for the files that do not fit into it. */
export function trackingRecords(
  head: RunHead,
  result: RunResult,
  endedAt: string,
): [RunFinished, ...TrackingRecord[]] {
  const [files = [], ...more] = inParts(result.files.map(bounded), PART);
  const { outcome, documents, bytesIn, bytesOut, error } = result;
  return [
    {
      kind: "run-finished",
      ...head,
      endedAt,
      outcome,
      documents,
      bytesIn,
      bytesOut,
      fileCount: result.files.length,
      files,
      ...(error ? { error: { ...error, ...(error.file ? { file: bounded(error.file) } : {}) } } : {}),
    },
    ...more.map((part): TrackingRecord => ({ kind: "run-files", runId: head.runId, files: part })),
  ];
}

function bounded<F extends Place>(file: F): F {
  return { ...file, ...placeOf(file) };
}

interface Place {
  name: string;
  directory: string;
}

/** The name of a file and its folder, cut to what is told of them. */
export function placeOf({ name, directory }: Place): Place {
  return { name: name.slice(0, MAX_NAME_CHARS), directory: directory.slice(0, MAX_PATH_CHARS) };
}
