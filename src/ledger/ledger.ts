import type { Clock } from "../base/clock.ts";
import { sha256Hex } from "../base/digest.ts";
import { canonicalJson } from "../base/json.ts";
import type { Database } from "../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../base/sqlite.ts";

/** What is known of a payload when it is about to leave. */
export interface Intent {
  /** The class of what leaves, as the policy names it. */
  class: string;
  /** Which records it carries, in words that a person can search for, such as "seq 12-40". */
  records: string;
  /** SHA-256 of the policy that let it pass, lower-case hex. */
  policy: string;
  /** The exact bytes that will be sent. */
  body: Uint8Array;
}

/** One line of the ledger, without the body. */
export interface LedgerEntry {
  number: number;
  /** Milliseconds since 1970 UTC. */
  time: number;
  class: string;
  records: string;
  bytes: number;
  /** SHA-256 of the body, lower-case hex. */
  sha256: string;
  policy: string;
  /** The hash of the entry before, or 64 zeros. */
  previous: string;
  /** SHA-256 over the canonical JSON of all the fields above. */
  hash: string;
}

/** A {@linkcode LedgerEntry} with what came after it was written. */
export interface ListedEntry extends LedgerEntry {
  /** When the platform said that it has stored the payload, or null. */
  acknowledged: number | null;
}

const SCHEMA = [
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
];

export const GENESIS = "0".repeat(64);

/** The hash that ties an entry to all those before it. */
export function entryHash(entry: Omit<LedgerEntry, "hash">): string {
  const { number, time, class: payloadClass, records, bytes, sha256, policy, previous } = entry;
  return sha256Hex(
    canonicalJson({ number, time, class: payloadClass, records, bytes, sha256, policy, previous }),
  );
}

/** The append-only, hash-chained record of everything that left this machine, written before it left. */
export class Ledger {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #last: () => { number: number; hash: string } | undefined;
  readonly #append: (...values: (string | number | Uint8Array)[]) => number;
  readonly #receipt: (number: number, time: number) => number;

  constructor(db: Database, clock: Clock) {
    migrate(db, "ledger", SCHEMA);
    this.#db = db;
    this.#clock = clock;
    this.#last = queryOne(db, "SELECT number, hash FROM ledger ORDER BY number DESC LIMIT 1");
    this.#append = command(db, "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#receipt = command(db, "INSERT OR IGNORE INTO ledger_receipts VALUES (?, ?)");
  }

  /** Writes the entry of a payload and commits it to the disk; only then may the payload be sent. */
  intend(intent: Intent): LedgerEntry {
    return transaction(this.#db, () => {
      const last = this.#last();
      const fields = {
        number: (last?.number ?? 0) + 1,
        time: this.#clock.now(),
        class: intent.class,
        records: intent.records,
        bytes: intent.body.length,
        sha256: sha256Hex(intent.body),
        policy: intent.policy,
        previous: last?.hash ?? GENESIS,
      };
      const entry = { ...fields, hash: entryHash(fields) };
      this.#append(
        entry.number,
        entry.time,
        entry.class,
        entry.records,
        entry.bytes,
        entry.sha256,
        entry.policy,
        entry.previous,
        entry.hash,
        intent.body,
      );
      return entry;
    });
  }

  /** Notes that the platform has stored a payload. Call it within the transaction that empties the spool. */
  acknowledge(number: number): void {
    this.#receipt(number, this.#clock.now());
  }
}

/** Reads a ledger. It may be one that another process is writing. */
export class LedgerReader {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Whether anything was ever written: a home that never connected has no ledger. */
  exists(): boolean {
    const table = queryOne(this.#db, "SELECT 1 FROM sqlite_schema WHERE name = 'ledger'");
    return table() !== undefined;
  }

  /** The newest entries, oldest first. */
  newest(limit: number): ListedEntry[] {
    return query<ListedEntry>(
      this.#db,
      `SELECT l.number, l.time, class, records, bytes, sha256, policy, previous, hash, r.time AS acknowledged
       FROM ledger l LEFT JOIN ledger_receipts r USING (number) ORDER BY l.number DESC LIMIT ?`,
    )(limit).reverse();
  }

  /** Entries and bytes, by class. */
  totals(): { class: string; entries: number; bytes: number }[] {
    return query<{ class: string; entries: number; bytes: number }>(
      this.#db,
      "SELECT class, count(*) AS entries, sum(bytes) AS bytes FROM ledger GROUP BY class ORDER BY class",
    )();
  }

  /** The bytes of one entry exactly as they were sent, or undefined. */
  body(number: number): Uint8Array | undefined {
    return queryOne<{ body: Uint8Array }>(this.#db, "SELECT body FROM ledger WHERE number = ?")(number)?.body;
  }

  /** Every entry with its body, in the order of the chain. */
  *entries(): Generator<LedgerEntry & { body: Uint8Array }> {
    const rows = this.#db.prepare(
      `SELECT number, time, class, records, bytes, sha256, policy, previous, hash, body
       FROM ledger ORDER BY number`,
    ).iterate();
    for (const row of rows) yield row as unknown as LedgerEntry & { body: Uint8Array };
  }
}
