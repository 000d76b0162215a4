import type { Database } from "../base/sqlite.ts";
import { hasTable, query, queryOne } from "../base/sqlite.ts";

/**
 * The bytes that left since the beginning of a day (UTC), given in milliseconds since 1970, by class. Looks back from
 * the end of the chain, so it takes only as long as there are entries since then. Heartbeats that share an entry are
 * all of one day.
 */
export function bytesSince(db: Database, dayStart: number): Map<string, number> {
  if (!hasTable(db, "ledger")) return new Map();
  const before = queryOne<{ number: number }>(
    db,
    "SELECT number FROM ledger WHERE time < ? ORDER BY number DESC LIMIT 1",
  )(dayStart);
  const spent = query<{ class: string; bytes: number }>(
    db,
    `SELECT class, sum(bytes) AS bytes FROM ledger WHERE number > ? AND kind <> 'checkpoint' GROUP BY class`,
  )(before?.number ?? 0);
  return new Map(spent.map(({ class: name, bytes }) => [name, bytes]));
}
