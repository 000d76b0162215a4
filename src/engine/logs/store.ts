import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { query } from "../../base/sqlite.ts";
import type { Database } from "../../base/sqlite.ts";
import type { EngineRedaction } from "../redaction.ts";
import type { RunHead } from "../runs.ts";
import { logsFolder, runLogFiles } from "./files.ts";
import { createLogLevels } from "./levels.ts";
import type { LogLevels } from "./levels.ts";
import { RunLog } from "./run_log.ts";
import { stateOf } from "./state.ts";
import { SWEEP_AFTER, sweepLogs } from "./sweep.ts";

export interface RunLogsOptions {
  db: Database;
  databasePath: string;
  clock: Clock;
  log: Log;
  redaction: EngineRedaction;
}

/** The logs of all runs of a home, for those who run them. */
export class RunLogs {
  readonly #options: RunLogsOptions;
  readonly #levels: LogLevels;
  readonly #openRuns: () => { id: string }[];
  #sweptAt = -Infinity;
  #newLogs = 0;
  #newBytes = 0;

  constructor(options: RunLogsOptions) {
    this.#options = options;
    this.#levels = createLogLevels(options.db, options.clock);
    this.#openRuns = query(options.db, "SELECT id FROM engine_runs WHERE state <> 'finished'");
  }

  /** Begins the log of a run. */
  begin({ runId, process }: RunHead): RunLog {
    this.#sweep();
    return this.#open(runId, process, undefined);
  }

  /** Goes on with the log of a run that a crash, or an error, left open. */
  async resume({ runId, process }: RunHead): Promise<RunLog> {
    const { databasePath } = this.#options;
    return this.#open(runId, process, await stateOf(runLogFiles(databasePath, runId)).catch(() => undefined));
  }

  /** Ends a log; `ended`: because its run has. Says so when lines of it are missing. */
  close(runLog: RunLog, { runId, process }: RunHead, { ended }: { ended: boolean }): void {
    runLog.close({ ended });
    this.#newBytes += runLog.bytes;
    const { records, fault } = runLog.lost;
    if (records === 0) return;
    this.#options.log.warn("lines of a run's log could not be written", {
      process,
      run: runId,
      lines: records,
      reason: messageOf(fault),
    });
  }

  #open(runId: string, process: string, before: ConstructorParameters<typeof RunLog>[0]["before"]): RunLog {
    const { databasePath, clock, redaction } = this.#options;
    return new RunLog({
      runId,
      files: runLogFiles(databasePath, runId),
      clock,
      redaction,
      level: () => this.#levels.of(process),
      before,
    });
  }

  #sweep(): void {
    const { databasePath, clock, log } = this.#options;
    const due = clock.monotonic() - this.#sweptAt >= SWEEP_AFTER.ms || this.#newLogs >= SWEEP_AFTER.logs ||
      this.#newBytes >= SWEEP_AFTER.bytes;
    this.#newLogs++;
    if (!due) return;
    this.#sweptAt = clock.monotonic();
    this.#newLogs = this.#newBytes = 0;
    try {
      const open = new Set(this.#openRuns().map(({ id }) => id));
      const swept = sweepLogs(logsFolder(databasePath), clock, open);
      if (swept.logs > 0) log.info("old logs of runs were removed", { ...swept });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return; // no log was written yet
      log.warn("old logs of runs cannot be removed", { reason: messageOf(error) });
    }
  }
}
