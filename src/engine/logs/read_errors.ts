import type { Clock } from "../../base/clock.ts";
import { setAside } from "../../base/files.ts";
import type { ErrorQuery, ErrorRecord } from "../../protocol/payloads/errors.ts";
import { errorRecordSchema } from "../../protocol/payloads/errors.ts";
import { runErrorFacts } from "../../protocol/run_errors.ts";
import type { RunSummary } from "../runs.ts";
import { runLogFiles } from "./files.ts";
import { LineReader } from "./line_reader.ts";
import type { LogSource } from "./read.ts";
import { knownRun } from "./read.ts";
import { openIfThere } from "./state.ts";

/**
 * What went wrong in a run: first the run, then its errors and the documents that failed, as far as they are known.
 * Read as it is asked for.
 *
 * @throws {SallyportError} `run.unknown`
 */
export async function* readRunErrors(
  { runId }: ErrorQuery,
  { db, databasePath, clock }: LogSource,
  signal: AbortSignal,
): AsyncGenerator<ErrorRecord> {
  const run = knownRun(db, runId);
  const { process, startedAt, endedAt, outcome, documents } = run;
  yield {
    kind: "run",
    runId,
    process,
    startedAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(documents === undefined ? {} : { documents }),
  };
  const told = { errors: 0, documents: 0 };
  for await (const record of detailsOf(runLogFiles(databasePath, runId).errors, clock)) {
    if (signal.aborted) return;
    if (record.kind === "error") told.errors++;
    if (record.kind === "document") told.documents++;
    if (record.kind === "more") told.documents += record.documents;
    yield record;
  }
  if (told.errors === 0) yield* errorInRecord(run);
  const missing = (documents?.failed ?? 0) - told.documents;
  if (missing > 0) yield { kind: "missing", documents: missing };
}

/** What can be read of the details; what cannot shows in the counts. A file that cannot be read is set aside. */
async function* detailsOf(path: string, clock: Clock): AsyncGenerator<ErrorRecord> {
  try {
    const file = await openIfThere(path);
    if (!file) return;
    using reader = new LineReader(file);
    for await (const lines of reader.lines()) {
      for (const { text } of lines) {
        const record = parseRecord(text);
        if (record) yield record;
      }
    }
  } catch {
    await setAside(path, clock);
  }
}

function parseRecord(text = ""): ErrorRecord | undefined {
  try {
    return errorRecordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The run's own record has its error still when the details are gone. */
function* errorInRecord({ error, outcome, endedAt }: RunSummary): Generator<ErrorRecord> {
  if (!error || endedAt === undefined) return;
  const { retryable, remedy } = runErrorFacts(error.code);
  yield {
    kind: "error",
    scope: outcome === "failed" ? "run" : "input",
    time: endedAt,
    code: error.code,
    message: error.message,
    ...(error.file ? { file: error.file } : {}),
    causes: [],
    retryable,
    remedy,
  };
}
