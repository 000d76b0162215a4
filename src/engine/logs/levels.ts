import type { Clock } from "../../base/clock.ts";
import { MAX_LOG_LEVEL_HOURS } from "../../base/limits.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, query, queryOne } from "../../base/sqlite.ts";
import type { RunLogLevel } from "../../protocol/payloads/logs.ts";
import { migrateEngine } from "../tables.ts";

/** The level at which a process logs for a while. */
export interface LogLevelSetting {
  process: string;
  level: RunLogLevel;
  /** When it ends by itself, in milliseconds since 1970 UTC. */
  until: number;
  /** Who asked for it. */
  by: string;
}

/** What a process logs at when nobody asked for another level. */
export const USUAL_LEVEL: RunLogLevel = "info";

export type LogLevels = ReturnType<typeof createLogLevels>;

/** The levels at which processes log, in the state database: whoever runs them looks there every few seconds. */
export function createLogLevels(db: Database, clock: Clock) {
  migrateEngine(db);
  const one = queryOne<{ level: RunLogLevel }>(
    db,
    "SELECT level FROM engine_log_levels WHERE process = ? AND until > ?",
  );
  const all = query<LogLevelSetting>(
    db,
    'SELECT process, level, until, "by" FROM engine_log_levels WHERE until > ? ORDER BY process',
  );
  const put = command(db, "INSERT OR REPLACE INTO engine_log_levels VALUES (?, ?, ?, ?)");
  const remove = command(db, "DELETE FROM engine_log_levels WHERE process = ? OR until <= ?");

  return {
    /** The level of a process at this moment. */
    of: (process: string): RunLogLevel => one(process, clock.now())?.level ?? USUAL_LEVEL,
    /** What was asked for and has not ended. */
    all: (): LogLevelSetting[] => all(clock.now()),
    /** Lets a process log at a level from now on for `forMs`, which is cut to {@linkcode MAX_LOG_LEVEL_HOURS}. */
    set(process: string, level: RunLogLevel, forMs: number, by: string): LogLevelSetting {
      const until = clock.now() + Math.min(forMs, MAX_LOG_LEVEL_HOURS * 3_600_000);
      remove(process, clock.now());
      put(process, level, until, by);
      return { process, level, until, by };
    },
    /** Goes back to the usual level at once. */
    reset: (process: string): void => void remove(process, clock.now()),
  };
}
