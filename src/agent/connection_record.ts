import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { command, hasTable, migrate, queryOne } from "../base/sqlite.ts";

/** How the connection to the platform stands, for `sallyport status`, which is another process. */
export interface ConnectionFacts {
  state: "connected" | "disconnected" | "stopped";
  /** Milliseconds since 1970 UTC. */
  since: number;
  /** Why it is not connected; empty when it is. */
  reason: string;
}

const SCHEMA = [
  `CREATE TABLE connection (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     state TEXT NOT NULL,
     since INTEGER NOT NULL,
     reason TEXT NOT NULL
   ) STRICT`,
];

/** Notes how the connection stands; returns the writer. */
export function connectionRecord(
  db: Database,
  clock: Clock,
): (state: ConnectionFacts["state"], reason: string) => void {
  migrate(db, "connection", SCHEMA);
  const write = command(db, "INSERT OR REPLACE INTO connection VALUES (1, ?, ?, ?)");
  let last = "";
  return (state, reason) => {
    if (last === state + reason) return;
    write(state, clock.now(), reason);
    last = state + reason;
  };
}

/** What was noted last, or undefined when this home never tried to connect. */
export function readConnection(db: Database): ConnectionFacts | undefined {
  if (!hasTable(db, "connection")) return undefined;
  return queryOne<ConnectionFacts>(db, "SELECT state, since, reason FROM connection")();
}
