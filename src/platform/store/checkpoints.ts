import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, queryOne } from "../../base/sqlite.ts";
import type { CheckpointMark } from "../../protocol/checkpoint.ts";
import type { Eventually } from "./store.ts";

/** A checkpoint of an agent's ledger, and when the platform heard of it first. */
export interface NotedCheckpoint extends CheckpointMark {
  notedAt: number;
}

/** What agents said of their ledgers: kept, so that no ledger can be cut or written anew without a trace. */
export interface CheckpointStore {
  /**
   * Notes the last checkpoint of an agent's ledger; one that is known is not noted again.
   *
   * @returns one that was noted before and contradicts it: with a higher number, or the same and another hash
   */
  note(agent: string, mark: CheckpointMark, now: number): Eventually<CheckpointMark | undefined>;
  /** In the order in which they were noted. */
  list(agent: string): Eventually<NotedCheckpoint[]>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `CREATE TABLE ledger_checkpoints (
     id INTEGER PRIMARY KEY,
     agent TEXT NOT NULL REFERENCES agents (uid),
     number INTEGER NOT NULL,
     hash TEXT NOT NULL,
     noted_at INTEGER NOT NULL,
     UNIQUE (agent, number, hash)
   ) STRICT`,
];

/** The checkpoints' part of the store in SQLite. */
export function sqliteCheckpoints(db: Database): CheckpointStore {
  migrate(db, "checkpoints", MIGRATIONS);
  const add = command(
    db,
    "INSERT OR IGNORE INTO ledger_checkpoints (agent, number, hash, noted_at) VALUES (?, ?, ?, ?)",
  );
  const contradiction = queryOne<CheckpointMark>(
    db,
    `SELECT number, hash FROM ledger_checkpoints
     WHERE agent = ?1 AND (number > ?2 OR (number = ?2 AND hash <> ?3)) ORDER BY number DESC LIMIT 1`,
  );
  const list = query<NotedCheckpoint>(
    db,
    "SELECT number, hash, noted_at AS notedAt FROM ledger_checkpoints WHERE agent = ? ORDER BY id",
  );
  return {
    note(agent, { number, hash }, now) {
      add(agent, number, hash, now);
      return contradiction(agent, number, hash);
    },
    list,
  };
}
