import { utf8Length } from "../base/encoding.ts";
import { MAX_FILES_PER_RECORD, MAX_NAME_CHARS, MAX_PATH_CHARS, MAX_PAYLOAD_BYTES } from "../base/limits.ts";
import type { RunFinished, TrackedFile, TrackingRecord } from "../protocol/payloads/tracking.ts";
import type { RunHead, RunResult } from "./runs.ts";

/** What the files of one record may take, as JSON: with its other fields it then stays below a spool payload. */
const MAX_FILES_BYTES = MAX_PAYLOAD_BYTES - 32 * 1024;

/** The records that end a run: `run-finished`, then `run-files` for the files that do not fit into it. */
export function trackingRecords(
  head: RunHead,
  result: RunResult,
  endedAt: string,
): [RunFinished, ...TrackingRecord[]] {
  const [files = [], ...more] = inParts(result.files.map(bounded));
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

function inParts(files: readonly TrackedFile[]): TrackedFile[][] {
  const parts: TrackedFile[][] = [];
  let size = Infinity;
  for (const file of files) {
    const own = utf8Length(JSON.stringify(file)) + 1;
    const full = (parts.at(-1)?.length ?? 0) >= MAX_FILES_PER_RECORD || size + own > MAX_FILES_BYTES;
    if (full) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(file);
    size += own;
  }
  return parts;
}

function bounded<F extends { name: string; directory: string }>(file: F): F {
  return {
    ...file,
    name: file.name.slice(0, MAX_NAME_CHARS),
    directory: file.directory.slice(0, MAX_PATH_CHARS),
  };
}
