import { basename } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { SallyportError } from "../../base/errors.ts";
import { changesOf } from "../../base/file_changes.ts";
import type { Database } from "../../base/sqlite.ts";
import type { LogMessage, LogQuery, LogRecord } from "../../protocol/payloads/logs.ts";
import { RUN_LOG_LEVELS } from "../../protocol/payloads/logs.ts";
import { RUN_ERRORS } from "../../protocol/run_errors.ts";
import { findRun } from "../runs.ts";
import type { RunSummary } from "../runs.ts";
import { LogCursor } from "./cursor.ts";
import { runLogFiles, runOfName } from "./files.ts";
import { noLevels } from "./records.ts";
import type { Snapshot } from "./records.ts";
import { stateOf } from "./state.ts";

/** Where the logs of a home are read. */
export interface LogSource {
  db: Database;
  databasePath: string;
  clock: Clock;
}

/**
 * The log of a run: first what there is to say of it as a whole, then its messages as far as the query wants them.
 * Read as it is asked for: however long the log is, no more than a few lines are in memory. With `follow` it goes on
 * until the run has ended; an abort ends it without an error.
 *
 * @throws {SallyportError} `run.unknown`, `run.purged`, or `state.unreadable` when the log had to be set aside.
 */
export async function* readRunLog(
  query: LogQuery,
  { db, databasePath, clock }: LogSource,
  signal: AbortSignal,
): AsyncGenerator<LogRecord> {
  const { runId, follow = false } = query;
  const files = runLogFiles(databasePath, runId);
  let run = knownRun(db, runId);
  using cursor = new LogCursor(files, clock);
  const stopped = new AbortController();
  const changes = changesOf(files.folder, {
    clock,
    signal: AbortSignal.any([signal, stopped.signal]),
    concerns: (path) => runOfName(basename(path)) === runId,
  });
  try {
    // It watches before the first look, so that nothing falls between the two.
    let change = follow ? changes.next() : undefined;
    if (!await cursor.begin() && run.state === "finished") throw purged(runId);
    const before = await stateOf(files);
    yield* overview(run, before?.snapshot, clock);
    const wanted = filterOf(query);
    for (let lastLook = false;;) {
      const isOver = run.state === "finished";
      let snapshot: Snapshot | undefined;
      for await (const lines of cursor.lines()) {
        if (signal.aborted) return;
        for (const line of lines) {
          if (line.kind === "snapshot") snapshot = line;
          else if (line.kind === "gap" || (line.kind === "message" && wanted(line))) yield line;
        }
      }
      if (follow && snapshot) yield* overview(run = knownRun(db, runId), snapshot, clock);
      const isWhole = snapshot?.ended || before?.snapshot.ended;
      // Its log ends a moment after the run: whoever was killed in between did not write the end.
      if (isWhole || !follow || lastLook) {
        if (isOver && !isWhole) {
          yield { kind: "gap", reason: "cut-short", records: 0, bytes: cursor.unfinishedBytes };
        }
        return;
      }
      lastLook = isOver;
      if ((await change)?.done) return;
      change = changes.next();
      run = knownRun(db, runId);
    }
  } finally {
    stopped.abort();
    await changes.return();
  }
}

/**
 * The run with this id.
 *
 * @throws {SallyportError} `run.unknown`
 */
export function knownRun(db: Database, runId: string): RunSummary {
  const run = findRun(db, runId);
  if (run) return run;
  throw new SallyportError("run.unknown", `no run of this agent has the id ${JSON.stringify(runId)}`, {
    remedy: RUN_ERRORS["run.unknown"].remedy,
  });
}

function purged(runId: string): SallyportError {
  return new SallyportError("run.purged", `the run ${runId} is over, and its log is not here any more`, {
    remedy: RUN_ERRORS["run.purged"].remedy,
  });
}

/** A summary, and a step for each. */
function* overview(run: RunSummary, snapshot: Snapshot | undefined, clock: Clock): Generator<LogRecord> {
  const { runId, process, version, trigger, startedAt, endedAt, outcome, documents, error } = run;
  const until = endedAt === undefined ? clock.now() : Date.parse(endedAt);
  yield {
    kind: "summary",
    runId,
    process,
    version,
    trigger,
    startedAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(documents === undefined ? {} : { documents }),
    totalMs: Math.max(0, until - Date.parse(startedAt)),
    levels: snapshot?.levels ?? noLevels(),
    ...(error === undefined ? {} : { error }),
  };
  yield* snapshot?.steps ?? [];
}

function filterOf({ level, step, since, until }: LogQuery): (message: LogMessage) => boolean {
  const lowest = level === undefined ? 0 : RUN_LOG_LEVELS.indexOf(level);
  const from = since === undefined ? -Infinity : Date.parse(since);
  const to = until === undefined ? Infinity : Date.parse(until);
  const isTimed = since !== undefined || until !== undefined;
  return (message) => {
    if (RUN_LOG_LEVELS.indexOf(message.level) < lowest) return false;
    if (step !== undefined && !isOfStep(message.step, step)) return false;
    if (!isTimed) return true;
    const time = Date.parse(message.time);
    return time >= from && time < to;
  };
}

/** A step is meant by its whole name, `steps[0].map`, its place, or its kind. */
function isOfStep(step: string | undefined, wanted: string): boolean {
  if (step === undefined) return false;
  const [place, kind] = step.split(".");
  return step === wanted || place === wanted || kind === wanted;
}
