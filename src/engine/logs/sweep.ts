import { join } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { DAY_MS } from "../../base/clock.ts";
import { MAX_RUN_LOG_BYTES, MAX_RUN_LOG_DAYS, MAX_RUN_LOGS, MAX_RUN_LOGS_BYTES } from "../../base/limits.ts";
import { runOfName } from "./files.ts";

/** So much stays free for what is written before the next sweep. */
const SLACK = 0.1;

/** How much may stay. */
export interface Caps {
  bytes: number;
  logs: number;
  ageMs: number;
}

const CAPS: Caps = {
  bytes: MAX_RUN_LOGS_BYTES * (1 - SLACK) - MAX_RUN_LOG_BYTES,
  logs: MAX_RUN_LOGS * (1 - SLACK),
  ageMs: MAX_RUN_LOG_DAYS * DAY_MS,
};
/** Every so many new logs, or after so long, somebody sweeps: then no cap can be passed meanwhile. */
export const SWEEP_AFTER = { logs: 500, bytes: MAX_RUN_LOGS_BYTES * SLACK, ms: 3_600_000 };

/** What was removed. */
export interface Swept {
  logs: number;
  bytes: number;
}

interface FoundRun {
  names: string[];
  bytes: number;
  changedAt: number;
}

/**
 * Removes the logs of runs that are too old, and the oldest of too many; `open` are those of runs that are not over.
 * What lies in the folder and has no run's name is not ours.
 */
export function sweepLogs(folder: string, clock: Clock, open: ReadonlySet<string>, caps = CAPS): Swept {
  const swept = { logs: 0, bytes: 0 };
  const runs = [...findRuns(folder)].sort(([a], [b]) => a < b ? -1 : 1); // ids begin with their time
  let logs = runs.length;
  let bytes = runs.reduce((sum, [, run]) => sum + run.bytes, 0);
  for (const [runId, run] of runs) {
    const tooOld = clock.now() - run.changedAt > caps.ageMs;
    if (open.has(runId) || (logs <= caps.logs && bytes <= caps.bytes && !tooOld)) continue;
    for (const name of run.names) Deno.removeSync(join(folder, name));
    logs--;
    bytes -= run.bytes;
    swept.logs++;
    swept.bytes += run.bytes;
  }
  return swept;
}

function findRuns(folder: string): Map<string, FoundRun> {
  const runs = new Map<string, FoundRun>();
  for (const { name } of Deno.readDirSync(folder)) {
    const runId = runOfName(name);
    if (runId === undefined) continue;
    const { size, mtime } = Deno.lstatSync(join(folder, name));
    const run = runs.get(runId) ?? { names: [], bytes: 0, changedAt: 0 };
    run.names.push(name);
    run.bytes += size;
    run.changedAt = Math.max(run.changedAt, mtime?.getTime() ?? 0);
    runs.set(runId, run);
  }
  return runs;
}
