import { command, queryOne } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import { migrateEngine } from "./tables.ts";

/** Why no run begins for now. The gatehouse says it in the state database, and the engine looks before each run. */
export interface RunPause {
  /** The reason, in words; empty while runs may begin. */
  reason(): string;
  /** Lets no run begin, for this reason; with an empty one, lets them begin again. */
  set(reason: string): void;
}

/** Either side of the hand-over. */
export function createRunPause(db: Database): RunPause {
  migrateEngine(db);
  const read = queryOne<{ reason: string }>(db, "SELECT reason FROM engine_pause");
  const write = command(db, "INSERT OR REPLACE INTO engine_pause VALUES (1, ?)");
  const reason = () => read()?.reason ?? "";
  return {
    reason,
    set(next) {
      if (next !== reason()) write(next);
    },
  };
}
