import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { command, query, rowsInTurn, transaction } from "../base/sqlite.ts";
import { readCertificate } from "../trust/certificate.ts";
import { verifySignature } from "../trust/signature.ts";
import type { LedgerEntry } from "./entry.ts";
import { entryHash } from "./entry.ts";
import { findLosses } from "./find_losses.ts";
import { LossRecord } from "./losses.ts";
import { LedgerReader } from "./reader.ts";
import type { Losses } from "./statement.ts";
import { signedBytes, statementIn } from "./statement.ts";
import { LEDGER_TABLES, migrateLedger } from "./tables.ts";
import { contentOf, isContent } from "./verify_entries.ts";

/** One of the ledger's tables. */
export type LedgerTable = typeof LEDGER_TABLES[number];

/** What is known of a ledger that was saved from a damaged database. */
export interface Saved {
  /** Whether all rows of a table were saved. */
  isWhole(table: string): boolean;
  /** Whether transactions at the end are lost of which nothing tells. */
  isEndLost: boolean;
}

/**
 * Puts a ledger that was saved from a damaged database in order, so that the chain can go on: rows of damaged tables
 * that are not what was written are taken out, what is missing is noted for the next checkpoint to state, and no
 * number is given again that may have been given. What somebody changed in tables that are whole stays, to be
 * found. Foreign keys must be off. Returns everything that is lost, or undefined when nothing is.
 */
export function repairLedger(db: Database, clock: Clock, { isWhole, isEndLost }: Saved): Losses | undefined {
  migrateLedger(db);
  const record = new LossRecord(db);
  // An earlier loss is stated in parts that may be lost now: all is stated anew.
  const isLostBefore = !record.isEmpty() || !isWhole("ledger_losses");
  const damaged = new Set(LEDGER_TABLES.filter((table) => isLostBefore || !isWhole(table)));
  if (damaged.size === 0 && !isEndLost) return undefined;
  return transaction(db, () => {
    for (const table of damaged) CLEANERS[table](db);
    const { losses, through } = findLosses(db, damaged, isEndLost, clock.now());
    record.note(losses, through);
    return losses;
  });
}

/** Removes of each table what a damaged page made of its rows. */
const CLEANERS: Record<LedgerTable, (db: Database) => void> = {
  ledger(db) {
    withoutTriggers(db, "ledger", () => {
      // The runtime cannot even read such numbers.
      const isImpossible = ["number", "time", "until", "count", "bytes"].map((column) =>
        `${column} NOT BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`
      ).join(" OR ");
      db.exec(`DELETE FROM ledger WHERE number = 0 OR ${isImpossible}`);
      const remove = command(db, "DELETE FROM ledger WHERE number = ?");
      const sql = "SELECT * FROM ledger WHERE number > ?1 ORDER BY number LIMIT ?2";
      for (const entry of rowsInTurn<LedgerEntry>(db, sql, ({ number }) => number)) {
        if (entryHash(entry) !== entry.hash) remove(entry.number);
      }
    });
  },
  ledger_bodies(db) {
    removeStrangers(db, "ledger_bodies");
    const remove = command(db, "DELETE FROM ledger_bodies WHERE number = ?");
    for (const entry of new LedgerReader(db).entries()) {
      const content = entry.body && contentOf(entry, entry.body);
      if (entry.body && !(content && isContent(entry, content))) remove(entry.number);
    }
  },
  ledger_certificates(db) {
    const remove = command(db, "DELETE FROM ledger_certificates WHERE fingerprint = ?");
    const all = query<{ fingerprint: string; certificate: string }>(db, "SELECT * FROM ledger_certificates");
    for (const { fingerprint, certificate } of all()) {
      if (fingerprintOf(certificate) !== fingerprint) remove(fingerprint);
    }
  },
  ledger_signatures(db) {
    removeStrangers(db, "ledger_signatures");
    const remove = command(db, "DELETE FROM ledger_signatures WHERE number = ?");
    const reader = new LedgerReader(db);
    for (const { number, hash, body, signature } of reader.entries()) {
      const statement = signature && body && statementIn(body);
      if (!statement) continue;
      const certificate = reader.certificate(statement.certificate);
      if (certificate && !verifySignature(certificate, signedBytes(hash), signature)) remove(number);
    }
  },
  ledger_receipts(db) {
    removeStrangers(db, "ledger_receipts");
    db.exec(`DELETE FROM ledger_receipts WHERE receipt < 1 OR receipt > ${Number.MAX_SAFE_INTEGER}
      OR time NOT BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`);
  },
};

/** Rows that belong to no entry: of a damaged table they prove nothing. */
function removeStrangers(db: Database, table: LedgerTable): void {
  db.exec(`DELETE FROM ${table} WHERE number NOT IN (SELECT number FROM ledger)`);
}

function fingerprintOf(certificate: string): string | undefined {
  try {
    return readCertificate(certificate).fingerprint;
  } catch {
    return undefined;
  }
}

/** The triggers keep the program from changing entries: a repair takes out what no program wrote. */
function withoutTriggers(db: Database, table: LedgerTable, work: () => void): void {
  const triggers = query<{ name: string; sql: string }>(
    db,
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?",
  )(table);
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  work();
  for (const { sql } of triggers) db.exec(sql);
}
