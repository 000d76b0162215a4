import type { Clock } from "../../base/clock.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, hasTable, migrate, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { Severity } from "../../protocol/conditions.ts";
import { CONDITIONS } from "../../protocol/conditions.ts";
import type { HeldCondition } from "./visibility.ts";

/** A condition that is shown, as `sallyport status`, which is another process, reads it. */
export interface RecordedCondition {
  code: string;
  severity: Severity;
  component: string;
  /** Milliseconds since 1970 UTC, by this machine's clock. */
  since: number;
  reason: string;
  /** What to do about it. */
  remedy: string;
}

/** How far this machine's clock is from the platform's. */
export interface RecordedClock {
  /** The platform's clock minus this machine's, in milliseconds. */
  offsetMs: number;
  /** Since when it is so, milliseconds since 1970 UTC, by this machine's clock. */
  since: number;
}

export interface RecordedHealth {
  /** Errors first. */
  conditions: RecordedCondition[];
  /** Undefined when the platform was never connected. */
  clock: RecordedClock | undefined;
}

const SCHEMA = [
  `CREATE TABLE health_conditions (
     place INTEGER PRIMARY KEY,
     code TEXT NOT NULL,
     severity TEXT NOT NULL,
     component TEXT NOT NULL,
     since INTEGER NOT NULL,
     reason TEXT NOT NULL,
     remedy TEXT NOT NULL
   ) STRICT;
   CREATE TABLE health_clock (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     offset_ms INTEGER NOT NULL,
     since INTEGER NOT NULL
   ) STRICT;`,
];

/** Notes what is shown and how far the clock is off, when either has changed; returns the writer. */
export function healthRecord(
  db: Database,
  clock: Clock,
): (shown: readonly HeldCondition[], clockOffsetMs: number | undefined) => void {
  migrate(db, "health", SCHEMA);
  const clear = command(db, "DELETE FROM health_conditions");
  const add = command(db, "INSERT INTO health_conditions VALUES (?, ?, ?, ?, ?, ?, ?)");
  const setClock = command(
    db,
    "INSERT INTO health_clock VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET " +
      "since = CASE WHEN offset_ms = ?1 THEN since ELSE ?2 END, offset_ms = ?1",
  );
  let noted = "";
  return (shown, clockOffsetMs) => {
    const rows = shown.map(({ code, component, since, reason, remedy }, place) =>
      [
        place,
        code,
        CONDITIONS[code].severity,
        component,
        since,
        reason,
        remedy ?? CONDITIONS[code].remedy,
      ] as const
    );
    const news = JSON.stringify([rows, clockOffsetMs ?? null]);
    if (news === noted) return;
    transaction(db, () => {
      clear();
      for (const row of rows) add(...row);
      if (clockOffsetMs !== undefined) setClock(clockOffsetMs, clock.now());
    });
    noted = news;
  };
}

/** What was noted last. */
export function readHealth(db: Database): RecordedHealth {
  if (!hasTable(db, "health_conditions")) return { conditions: [], clock: undefined };
  return {
    conditions: query<RecordedCondition>(
      db,
      "SELECT code, severity, component, since, reason, remedy FROM health_conditions ORDER BY place",
    )(),
    clock: queryOne<RecordedClock>(db, "SELECT offset_ms AS offsetMs, since FROM health_clock")(),
  };
}
