import type { Database } from "../base/sqlite.ts";
import { command, transaction, VERSIONS_TABLE } from "../base/sqlite.ts";
import { LEDGER_TABLES, migrateLedger } from "./tables.ts";

/**
 * Takes out a ledger that is not whole and begins an empty one. Only for a database that was saved from a damaged one:
 * what is taken out here still stands there.
 */
export function beginAnew(db: Database): void {
  transaction(db, () => {
    for (const table of LEDGER_TABLES.toReversed()) db.exec(`DROP TABLE IF EXISTS ${table}`);
    command(db, `DELETE FROM ${VERSIONS_TABLE} WHERE room = 'ledger'`)();
    migrateLedger(db);
  });
}
