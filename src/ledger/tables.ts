import type { Database, MigrationStep } from "../base/sqlite.ts";
import { command, migrate, query } from "../base/sqlite.ts";
import { GENESIS, receiptHash } from "./entry.ts";

/** The tables of the ledger, from version to version; a released step is never edited. */
const STEPS: readonly MigrationStep[] = [
  `CREATE TABLE ledger (
     number INTEGER PRIMARY KEY,
     time INTEGER NOT NULL,
     class TEXT NOT NULL,
     records TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     policy TEXT NOT NULL,
     previous TEXT NOT NULL,
     hash TEXT NOT NULL,
     body BLOB NOT NULL
   ) STRICT;
   CREATE TABLE ledger_receipts (
     number INTEGER PRIMARY KEY REFERENCES ledger (number),
     time INTEGER NOT NULL
   ) STRICT;`,
  // Bodies get a table of their own, so that they can be pruned and the rest is read without them; heartbeats,
  // checkpoints and chained receipts come in. The chain goes on: the hashes of the entries stay what they are.
  (db) => {
    db.exec(
      `ALTER TABLE ledger RENAME TO ledger_1;
       ALTER TABLE ledger_receipts RENAME TO ledger_receipts_1;
       CREATE TABLE ledger (
         number INTEGER PRIMARY KEY,
         kind TEXT NOT NULL,
         time INTEGER NOT NULL,
         until INTEGER,
         class TEXT NOT NULL,
         records TEXT NOT NULL,
         count INTEGER,
         bytes INTEGER NOT NULL,
         sha256 TEXT NOT NULL,
         policy TEXT NOT NULL,
         previous TEXT NOT NULL,
         hash TEXT NOT NULL
       ) STRICT;
       CREATE INDEX ledger_checkpoints ON ledger (number) WHERE kind = 'checkpoint';
       CREATE TABLE ledger_bodies (
         number INTEGER PRIMARY KEY REFERENCES ledger (number),
         body BLOB NOT NULL
       ) STRICT;
       CREATE TABLE ledger_signatures (
         number INTEGER PRIMARY KEY REFERENCES ledger (number),
         signature BLOB NOT NULL
       ) STRICT;
       CREATE TABLE ledger_certificates (
         fingerprint TEXT PRIMARY KEY,
         certificate TEXT NOT NULL
       ) STRICT;
       CREATE TABLE ledger_receipts (
         receipt INTEGER PRIMARY KEY,
         number INTEGER NOT NULL UNIQUE REFERENCES ledger (number),
         time INTEGER NOT NULL,
         hash TEXT NOT NULL
       ) STRICT;
       INSERT INTO ledger SELECT number, 'payload', time, NULL, class, records, NULL, bytes, sha256, policy,
         previous, hash FROM ledger_1;
       INSERT INTO ledger_bodies SELECT number, body FROM ledger_1;`,
    );
    chainReceipts(db);
    db.exec(
      `DROP TABLE ledger_receipts_1;
       DROP TABLE ledger_1;
       CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger
         BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
       CREATE TRIGGER ledger_is_frozen BEFORE UPDATE ON ledger
         WHEN OLD.kind <> 'heartbeats' OR OLD.number < (SELECT max(number) FROM ledger)
         BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;`,
    );
  },
];

/** The ledger's tables, in an order in which they can be filled. */
export const LEDGER_TABLES = [
  "ledger",
  "ledger_bodies",
  "ledger_signatures",
  "ledger_certificates",
  "ledger_receipts",
] as const;

/** The version of the tables that this program writes and reads. */
export const LEDGER_VERSION = STEPS.length;

/** Brings the ledger's tables up to date. Only for the gatehouse, the one who writes them. */
export function migrateLedger(db: Database): void {
  migrate(db, "ledger", STEPS);
}

function chainReceipts(db: Database): void {
  const insert = command(db, "INSERT INTO ledger_receipts VALUES (?, ?, ?, ?)");
  let [receipt, previous] = [0, GENESIS];
  const old = query<{ number: number; time: number }>(
    db,
    "SELECT number, time FROM ledger_receipts_1 ORDER BY number",
  );
  for (const { number, time } of old()) {
    const hash = receiptHash({ receipt: ++receipt, number, time }, previous);
    insert(receipt, number, time, hash);
    previous = hash;
  }
}
