import type { Database } from "../base/sqlite.ts";
import { queryOne } from "../base/sqlite.ts";

/**
 * The bytes that left since a time (milliseconds since 1970), by class. Reads back from the end of the chain, so it
 * takes only as long as there are entries since then.
 */
export function bytesSince(db: Database, since: number): Map<string, number> {
  const spent = new Map<string, number>();
  if (!queryOne(db, "SELECT 1 FROM sqlite_schema WHERE name = 'ledger'")()) return spent;
  const rows = db.prepare("SELECT class, time, bytes FROM ledger ORDER BY number DESC").iterate();
  for (const row of rows) {
    const entry = row as unknown as { class: string; time: number; bytes: number };
    if (entry.time < since) break;
    spent.set(entry.class, (spent.get(entry.class) ?? 0) + entry.bytes);
  }
  return spent;
}
