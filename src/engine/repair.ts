import type { Database } from "../base/sqlite.ts";
import { command, transaction } from "../base/sqlite.ts";
import { migrateEngine } from "./tables.ts";

/** The tables that hold what the platform offered, and what became of it. */
const OFFERED = ["engine_offer", "engine_wanted", "engine_processes"];

/**
 * Takes out of the engine's tables, which were saved from a damaged database, what it could not read: it would keep the
 * engine from starting. Returns how many rows those were.
 *
 * @param incomplete the tables of which not all was saved; when processes are among it, the platform's offer is
 * forgotten, so that the platform makes it again
 */
export function repairEngine(db: Database, incomplete: readonly string[]): number {
  migrateEngine(db);
  const drops = [
    "DELETE FROM engine_runs WHERE NOT json_valid(head) OR NOT json_valid(folders) OR NOT json_valid(coalesce(plan, '{}'))",
    "UPDATE engine_runs SET record = NULL WHERE NOT json_valid(record)",
    "DELETE FROM engine_processes WHERE NOT json_valid(folders)",
    "DELETE FROM engine_wanted WHERE NOT json_valid(folders)",
  ];
  return transaction(db, () => {
    const dropped = drops.reduce((sum, sql) => sum + command(db, sql)(), 0);
    const processesAreWhole = !incomplete.some((table) => OFFERED.includes(table));
    if (!processesAreWhole || dropped > 0) command(db, "DELETE FROM engine_offer")();
    return dropped;
  });
}
