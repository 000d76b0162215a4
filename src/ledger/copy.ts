import type { Database, Row } from "../base/sqlite.ts";
import { rowsInTurn, transaction } from "../base/sqlite.ts";
import type { LedgerReader } from "./reader.ts";
import { LEDGER_TABLES, migrateLedger } from "./tables.ts";

/**
 * Copies a ledger, as it is at one moment, into a database of its own, which then holds nothing else: the rest of
 * the agent's state is nobody's business.
 */
export function copyLedger(from: Database, reader: LedgerReader, to: Database): void {
  using _snapshot = reader.snapshot();
  migrateLedger(to);
  transaction(to, () => {
    for (const table of LEDGER_TABLES) {
      let insert: ReturnType<Database["prepare"]> | undefined;
      const sql = `SELECT rowid AS row, * FROM ${table} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2`;
      for (const { row: _row, ...fields } of rowsInTurn<Row & { row: number }>(from, sql, ({ row }) => row)) {
        const values = Object.values(fields);
        insert ??= to.prepare(`INSERT INTO ${table} VALUES (${values.map(() => "?").join(", ")})`);
        insert.run(...values);
      }
    }
  });
  // One file, and none beside it, so that it can be read where nothing may be written.
  to.exec("PRAGMA journal_mode = DELETE");
}
