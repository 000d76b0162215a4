import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import type { Process } from "./definition/definition.ts";
import { lockOwner } from "./lock.ts";
import { RunLogs } from "./logs/store.ts";
import { recoverRuns } from "./recovery.ts";
import { connectorContext, runProcess } from "./runner.ts";
import type { RunProgress, RunReport } from "./runner.ts";
import { EngineRedaction } from "./redaction.ts";
import { createRuns } from "./runs.ts";
import type { Outbox } from "./runs.ts";
import { migrateEngine } from "./tables.ts";

/** What a run by hand needs. */
export interface RunOnceOptions {
  db: Database;
  databasePath: string;
  /** The folder below which every path of a process lies, such as `data`. */
  dataFolder: string;
  clock: Clock;
  log: Log;
  /** Aborting it abandons the run, unless it is already decided. */
  signal: AbortSignal;
  /** Without it, no tracking record is made: the run is known here only. */
  outbox?: Outbox;
  onProgress?: (progress: RunProgress) => void;
}

/**
 * Runs a process once over what waits for it, with the same journal and records as the agent's runs.
 *
 * @throws {SallyportError} `home.locked` beside another run by hand, `run.failed` while the agent runs the same
 *   process, `source.unreadable` when the source's folder is not there, `sink.unwritable` when the run is complete
 *   but its files cannot be put in place: the next run does that first.
 */
export async function runOnce(process: Process, options: RunOnceOptions): Promise<RunReport> {
  const { db, databasePath, dataFolder, clock, log, signal, outbox, onProgress } = options;
  migrateEngine(db);
  using _lock = await lockOwner(databasePath, "local", 0, clock);
  const redaction = new EngineRedaction(db);
  await redaction.refresh();
  const runs = createRuns(db, "local", { clock, outbox, redaction });
  const logs = new RunLogs({ db, databasePath, clock, log, redaction });
  const context = { runs, logs, dataFolder, clock, log, signal, onProgress };
  await recoverRuns(context);
  const inputs = await process.source.inputs(connectorContext(process, context));
  return await runProcess(process, "manual", inputs, context);
}
