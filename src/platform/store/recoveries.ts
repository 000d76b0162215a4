import type { Database } from "../../base/sqlite.ts";
import { command, migrate, queryOne } from "../../base/sqlite.ts";
import type { Eventually } from "./store.ts";

/** Approvals of agents whose certificate expired. */
export interface RecoveryStore {
  /** When an operator last approved that this agent gets a new certificate for its expired one. */
  approvedAt(agent: string): Eventually<number | undefined>;
  approve(agent: string, now: number): Eventually<void>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  "CREATE TABLE recoveries (agent TEXT PRIMARY KEY REFERENCES agents (uid), approved_at INTEGER NOT NULL) STRICT",
];

/** The recoveries' part of the store in SQLite. */
export function sqliteRecoveries(db: Database): RecoveryStore {
  migrate(db, "recoveries", MIGRATIONS);
  const one = queryOne<{ at: number }>(db, "SELECT approved_at AS at FROM recoveries WHERE agent = ?");
  const put = command(
    db,
    "INSERT INTO recoveries VALUES (?1, ?2) ON CONFLICT (agent) DO UPDATE SET approved_at = ?2",
  );
  return {
    approvedAt: (agent) => one(agent)?.at,
    approve(agent, now) {
      put(agent, now);
    },
  };
}
