import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, transaction } from "../../base/sqlite.ts";
import type { OfflineReason } from "../sessions/presence.ts";
import { OFFLINE_REASONS } from "../sessions/presence.ts";
import type { Eventually } from "./store.ts";

/** When and why an agent went offline. */
export interface Departure {
  at: number;
  reason: OfflineReason;
}

export interface DepartureStore {
  /** The last departure of every agent that ever left by itself. */
  all(): Eventually<Map<string, Departure>>;
  keep(departures: ReadonlyMap<string, Departure>): Eventually<void>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  "CREATE TABLE departures (agent TEXT PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL) STRICT",
];

/** The departures' part of the store in SQLite. */
export function sqliteDepartures(db: Database): DepartureStore {
  migrate(db, "departures", MIGRATIONS);
  const all = query<{ agent: string; at: number; reason: string }>(
    db,
    "SELECT agent, at, reason FROM departures",
  );
  const keep = command(
    db,
    "INSERT INTO departures VALUES (?1, ?2, ?3) ON CONFLICT (agent) DO UPDATE SET at = ?2, reason = ?3",
  );
  return {
    all: () =>
      new Map(
        all()
          .filter(({ reason }) => (OFFLINE_REASONS as readonly string[]).includes(reason))
          .map(({ agent, at, reason }) => [agent, { at, reason: reason as OfflineReason }]),
      ),
    keep(departures) {
      transaction(db, () => {
        for (const [agent, { at, reason }] of departures) keep(agent, at, reason);
      });
    },
  };
}
