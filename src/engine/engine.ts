import { sleep } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { watchDatabase } from "../base/database_changes.ts";
import type { Log } from "../base/log.ts";
import { changedLog } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import type { ConnectorKind } from "./connector.ts";
import { Deployer } from "./deployer.ts";
import { lockEngine, tryLockOwner } from "./lock.ts";
import { RunLogs } from "./logs/store.ts";
import { recoverRuns } from "./recovery.ts";
import { EngineRedaction } from "./redaction.ts";
import { Answering } from "./requests/answering.ts";
import type { Responders } from "./requests/responder.ts";
import { createRunPause } from "./run_pause.ts";
import { createRuns } from "./runs.ts";
import type { Outbox } from "./runs.ts";
import { Scheduler } from "./scheduler.ts";
import { migrateEngine } from "./tables.ts";

export interface EngineOptions {
  db: Database;
  databasePath: string;
  /** The folder below which every path of a process lies, such as `data`. */
  dataFolder: string;
  connectors: readonly ConnectorKind[];
  /** What answers requests. */
  responders: Responders;
  /** Whether the caller holds the engine's lock, and goes on holding it. Default: it is taken here. */
  isLocked?: boolean;
  /** Takes tracking records, inside transactions on `db`. */
  outbox: Outbox;
  clock: Clock;
  log: Log;
  /** The folders below `dataFolder` that this engine may use; default: all. */
  permittedFolders?: readonly string[];
  /**
   * Told once a round that staged processes need further folders. They do not become active in this engine: stop it
   * and start one with the folders of `Deployments.folders()`.
   */
  onNeedsFolders?: (folders: string[]) => void;
}

export interface Engine {
  /** Asks for a run of a process now; false when no such process is active. */
  request(process: string): boolean;
  /**
   * Takes no new documents and abandons the run under way (`interrupted`, its inputs stay), unless it is already
   * decided. Resolves when all is at rest, or after `graceMs`: the next start brings the rest to its end.
   */
  stop(graceMs: number): Promise<void>;
  /** Resolves when the engine has stopped; rejects when it cannot go on. */
  readonly finished: Promise<void>;
}

/**
 * Starts the engine: brings the runs of a crash to their end, resumes the active processes, and from then on follows
 * what the gatehouse offers.
 *
 * @throws {SallyportError} `home.locked` when another engine works on the same state.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { db, databasePath, dataFolder, connectors, outbox, clock } = options;
  migrateEngine(db);
  const redaction = new EngineRedaction(db);
  const log = changedLog(options.log, redaction.text);
  const lock = options.isLocked ? undefined : await lockEngine(databasePath, clock);
  try {
    await redaction.refresh();
    const runs = createRuns(db, "engine", { clock, outbox, redaction });
    const logs = new RunLogs({ db, databasePath, clock, log, redaction });
    await recoverRuns({ runs, logs, dataFolder, log });
    await recoverLocalRuns({ ...options, log }, redaction, logs);
    const failed = Promise.withResolvers<never>();
    const scheduler = new Scheduler({
      runs,
      logs,
      pause: createRunPause(db),
      dataFolder,
      clock,
      log,
      clearBlockers: () => recoverLocalRuns({ ...options, log }, redaction, logs),
      onDamage: failed.reject,
    });
    const deployer = new Deployer({
      db,
      connectors,
      scheduler,
      redaction,
      clock,
      log,
      permittedFolders: options.permittedFolders,
      onNeedsFolders: options.onNeedsFolders,
    });
    await deployer.resume();

    const answering = new Answering({
      db,
      responders: options.responders,
      redact: redaction.bounded,
      clock,
      log,
    });
    const stopped = new AbortController();
    const apply = () => void deployer.apply().catch(failed.reject);
    apply();
    answering.look();
    const watching = watchDatabase(db, databasePath, () => {
      void redaction.refresh().catch(failed.reject);
      apply();
      answering.look();
    }, { clock, signal: stopped.signal });
    const ended = (async () => {
      await watching;
      await Promise.all([scheduler.stop(), answering.stop()]);
      await deployer.idle();
      lock?.[Symbol.dispose]();
    })();
    const finished = Promise.race([ended, failed.promise]);
    finished.catch(() => {}); // whoever cares awaits it
    return {
      request: (process) => scheduler.request(process, "manual"),
      async stop(graceMs) {
        const resting = Promise.all([scheduler.stop(), answering.stop()]);
        stopped.abort();
        const rested = new AbortController();
        await Promise.race([Promise.all([resting, ended]), sleep(clock, graceMs, rested.signal)]);
        rested.abort();
      },
      finished,
    };
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw error;
  }
}

/** Runs by hand that were killed: when nobody holds their lock, they are brought to their end here. */
async function recoverLocalRuns(
  { db, databasePath, dataFolder, clock, log }: EngineOptions,
  redaction: EngineRedaction,
  logs: RunLogs,
): Promise<void> {
  using lock = await tryLockOwner(databasePath, "local");
  const runs = createRuns(db, "local", { clock, outbox: undefined, redaction });
  if (lock) await recoverRuns({ runs, logs, dataFolder, log });
}
