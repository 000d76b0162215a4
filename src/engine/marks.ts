import { command, queryOne } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";

/** Remembers which inputs were read, for sources that leave them where they are. */
export interface Marks {
  /** Whether exactly this state of the input was read before. */
  has(process: string, path: string, identity: string): boolean;
  /** Call it inside the transaction that finishes the run. */
  set(process: string, path: string, identity: string): void;
}

/** The marks in the engine's tables. */
export function createMarks(db: Database): Marks {
  const find = queryOne<{ identity: string }>(
    db,
    "SELECT identity FROM engine_marks WHERE process = ? AND path = ?",
  );
  const put = command(
    db,
    "INSERT INTO engine_marks VALUES (?, ?, ?) ON CONFLICT (process, path) DO UPDATE SET identity = ?3",
  );
  return {
    has: (process, path, identity) => find(process, path)?.identity === identity,
    set: (process, path, identity) => void put(process, path, identity),
  };
}
