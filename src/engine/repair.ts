import type { Database } from "../base/sqlite.ts";
import { command, transaction } from "../base/sqlite.ts";
import { migrateEngine } from "./tables.ts";

/**
 * Takes out of the engine's tables, which were saved from a damaged database, what it could not read: it would keep the
 * engine from starting. Returns how many rows those were.
 *
 * @param isWhole whether all processes were saved; if not, the platform's offer is forgotten, so that it is made again
 */
export function repairEngine(db: Database, isWhole: boolean): number {
  migrateEngine(db);
  const drops = [
    "DELETE FROM engine_runs WHERE NOT json_valid(head) OR NOT json_valid(folders) OR NOT json_valid(coalesce(plan, '{}'))",
    "UPDATE engine_runs SET record = NULL WHERE NOT json_valid(record)",
    "DELETE FROM engine_processes WHERE NOT json_valid(folders)",
    "DELETE FROM engine_wanted WHERE NOT json_valid(folders)",
  ];
  return transaction(db, () => {
    const dropped = drops.reduce((sum, sql) => sum + command(db, sql)(), 0);
    if (!isWhole || dropped > 0) command(db, "DELETE FROM engine_offer")();
    return dropped;
  });
}
