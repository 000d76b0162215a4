import type { Database } from "../base/sqlite.ts";
import { CONNECTORS } from "../connectors/mod.ts";
import type { Engine } from "../engine/engine.ts";
import { startEngine } from "../engine/engine.ts";
import { Spool } from "../spool/spool.ts";
import type { AgentContext } from "./home.ts";
import { DATA_FOLDER, DATABASE_PATH } from "./home.ts";
import { createResponders } from "./responders.ts";

/** A running engine with what it holds. */
export interface RunningEngine {
  engine: Engine;
  /** Ends the runs within the grace time. */
  stop(graceMs: number): Promise<void>;
}

export interface EngineMainOptions extends AgentContext {
  /** A handle of its own of the state database. */
  db: Database;
  /** Whether the caller holds the engine's lock. */
  isLocked?: boolean;
  /** The folders that this engine may touch; undefined when the process may touch all of `data/`. */
  permittedFolders?: readonly string[];
  /** Called when the processes name folders that are not among them. */
  onNeedsFolders?: () => void;
}

/**
 * Starts the half that touches production data. The same code runs as a
 * Worker without network, and as a process of its own.
 */
export async function startEngineHalf(options: EngineMainOptions): Promise<RunningEngine> {
  const { db, clock, log, isLocked = false, permittedFolders, onNeedsFolders } = options;
  const spool = new Spool(db, clock);
  const engine = await startEngine({
    db,
    isLocked,
    databasePath: DATABASE_PATH,
    dataFolder: DATA_FOLDER,
    connectors: CONNECTORS,
    responders: createResponders({ db, databasePath: DATABASE_PATH, clock }),
    outbox: { put: (channel, record) => spool.put(channel, record) },
    clock,
    log,
    ...(permittedFolders ? { permittedFolders: [...permittedFolders] } : {}),
    ...(onNeedsFolders ? { onNeedsFolders } : {}),
  });
  return { engine, stop: (graceMs) => engine.stop(graceMs) };
}
