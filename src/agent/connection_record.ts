import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { command, migrate, queryOne } from "../base/sqlite.ts";

/** How the connection to the platform stands, for `sallyport status`, which is another process. */
export interface ConnectionFacts {
  state: "connected" | "disconnected" | "stopped";
  /** Milliseconds since 1970 UTC. */
  since: number;
  /** Why it is not connected; empty when it is. */
  reason: string;
  /** When and why the connection broke, or was refused, last: an agent that is connected again may not stay so. */
  lastEnd: { at: number; reason: string } | null;
}

const SCHEMA = [
  `CREATE TABLE connection (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     state TEXT NOT NULL,
     since INTEGER NOT NULL,
     reason TEXT NOT NULL
   ) STRICT`,
  `ALTER TABLE connection ADD COLUMN ended_at INTEGER;
   ALTER TABLE connection ADD COLUMN ended_reason TEXT`,
];

/** Notes how the connection stands; returns the writer. */
export function connectionRecord(
  db: Database,
  clock: Clock,
): (state: ConnectionFacts["state"], reason: string) => void {
  migrate(db, "connection", SCHEMA);
  const write = command(
    db,
    `INSERT INTO connection VALUES (1, ?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (one) DO UPDATE SET state = ?1, since = ?2, reason = ?3,
       ended_at = coalesce(?4, ended_at), ended_reason = coalesce(?5, ended_reason)`,
  );
  let last = "";
  return (state, reason) => {
    if (last === state + reason) return;
    last = state + reason;
    const now = clock.now();
    const [endedAt, endedReason] = state === "disconnected" ? [now, reason] : [null, null];
    write(state, now, reason, endedAt, endedReason);
  };
}

/** What was noted last, or undefined when this home never tried to connect. */
export function readConnection(db: Database): ConnectionFacts | undefined {
  const table = queryOne(db, "SELECT 1 FROM sqlite_schema WHERE name = 'connection'")();
  if (table === undefined) return undefined;
  migrate(db, "connection", SCHEMA);
  const row = queryOne<
    Omit<ConnectionFacts, "lastEnd"> & { endedAt: number | null; endedReason: string | null }
  >(
    db,
    "SELECT state, since, reason, ended_at AS endedAt, ended_reason AS endedReason FROM connection",
  )();
  if (!row) return undefined;
  const { endedAt, endedReason, ...facts } = row;
  return { ...facts, lastEnd: endedAt === null ? null : { at: endedAt, reason: endedReason ?? "" } };
}
