import { SallyportError } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import { hasTable, query, queryOne, rowsInTurn } from "../base/sqlite.ts";
import { ENTRY_COLUMNS } from "./chain.ts";
import type { LedgerEntry, Receipt } from "./entry.ts";
import { LEDGER_VERSION } from "./tables.ts";

/** An entry with what came after it was written. */
export interface ListedEntry extends LedgerEntry {
  /** When the platform said that it has stored the payload, milliseconds since 1970 UTC, or null. */
  acknowledged: number | null;
  /** Whether its body is still kept. */
  kept: boolean;
}

/** An entry with all that is kept of it. */
export interface StoredEntry extends LedgerEntry {
  body: Uint8Array | null;
  /** Of a checkpoint. */
  signature: Uint8Array | null;
}

/** Which entries are meant; what is left out restricts nothing. */
export interface Selection {
  class?: string | undefined;
  /** Not before this time, milliseconds since 1970 UTC. */
  since?: number | undefined;
  /** Not after this time. */
  until?: number | undefined;
  /** Not before this entry. */
  from?: number | undefined;
  /** Leave out the last entry while it may still grow, as heartbeats do. */
  frozen?: boolean;
  /** Leave out checkpoints: they were not sent. */
  sent?: boolean;
}

/** What was sent under one class, or on one day (UTC, as YYYY-MM-DD). */
export type Total<By extends keyof typeof KEYS> = Record<By, string> & {
  entries: number;
  payloads: number;
  bytes: number;
};

// Heartbeats are found by any moment between their first and their last.
const SELECTED = `WHERE (?1 IS NULL OR class = ?1)
  AND (?2 IS NULL OR coalesce(until, time) >= ?2) AND (?3 IS NULL OR time <= ?3) AND number >= ?4
  AND (?5 = 0 OR kind <> 'heartbeats' OR number < (SELECT max(number) FROM ledger))
  AND (?6 = 0 OR kind <> 'checkpoint')`;

const LISTED = `SELECT ${ENTRY_COLUMNS},
  (SELECT r.time FROM ledger_receipts r WHERE r.number = ledger.number) AS acknowledged,
  EXISTS (SELECT 1 FROM ledger_bodies b WHERE b.number = ledger.number) AS kept
  FROM ledger`;

const KEYS = { class: "class", day: "strftime('%Y-%m-%d', time / 1000, 'unixepoch')" };

/** Reads a ledger. It may be one that another process is writing. */
export class LedgerReader {
  readonly #db: Database;

  /** @throws {SallyportError} `state.unreadable` when its tables are those of another version. */
  constructor(db: Database) {
    this.#db = db;
    const version = this.#version();
    if (version === undefined || version === LEDGER_VERSION) return;
    throw new SallyportError(
      "state.unreadable",
      `the ledger has the format ${version}, and this program reads the format ${LEDGER_VERSION}`,
      {
        remedy: version < LEDGER_VERSION
          ? "The agent brings it up to date when it starts, and loses nothing: sallyport run"
          : "It was written by a newer version of Sallyport: use that one.",
      },
    );
  }

  /** Whether anything was ever written: a home that never connected has no ledger. */
  exists(): boolean {
    return this.#version() !== undefined;
  }

  /** Shows the ledger as it is now for as long as this is held, whatever is written meanwhile. */
  snapshot(): Disposable {
    this.#db.exec("BEGIN");
    // Nothing was written; and a commit fails when a page could not be read.
    return { [Symbol.dispose]: () => this.#db.isTransaction && this.#db.exec("ROLLBACK") };
  }

  /** The newest entries of a selection, oldest first. */
  newest(limit: number, selection: Selection = {}): ListedEntry[] {
    return this.#list("ORDER BY number DESC LIMIT ?7", limit, selection).reverse();
  }

  /** The oldest entries of a selection, oldest first. */
  oldest(limit: number, selection: Selection = {}): ListedEntry[] {
    return this.#list("ORDER BY number LIMIT ?7", limit, selection);
  }

  /** What was sent, by class or by day. Checkpoints were not sent. */
  totals<By extends keyof typeof KEYS>(by: By, selection: Selection = {}): Total<By>[] {
    return query<Total<By>>(
      this.#db,
      `SELECT ${KEYS[by]} AS ${by}, count(*) AS entries, sum(coalesce(count, 1)) AS payloads,
         sum(bytes) AS bytes FROM ledger ${SELECTED} GROUP BY 1 ORDER BY 1`,
    )(...valuesOf({ ...selection, sent: true }));
  }

  /** What is kept as the body of an entry: the bytes as they were sent, of heartbeats those of the first. */
  body(number: number): Uint8Array | undefined {
    return queryOne<{ body: Uint8Array }>(this.#db, "SELECT body FROM ledger_bodies WHERE number = ?")(number)
      ?.body;
  }

  /** How many entries there are. */
  count(): number {
    return queryOne<{ count: number }>(this.#db, "SELECT count(*) AS count FROM ledger")()!.count;
  }

  /** Every entry with all that is kept of it, in the order of the chain. */
  entries(): Iterable<StoredEntry> {
    return rowsInTurn<StoredEntry>(
      this.#db,
      `SELECT ${ENTRY_COLUMNS}, body, signature FROM ledger LEFT JOIN ledger_bodies USING (number)
       LEFT JOIN ledger_signatures USING (number) WHERE number > ?1 ORDER BY number LIMIT ?2`,
      ({ number }) => number,
    );
  }

  /** Every receipt, in the order of their chain. */
  receipts(): Iterable<Receipt> {
    return rowsInTurn<Receipt>(
      this.#db,
      "SELECT receipt, number, time, hash FROM ledger_receipts WHERE receipt > ?1 ORDER BY receipt LIMIT ?2",
      ({ receipt }) => receipt,
    );
  }

  /** A certificate that signs checkpoints (PEM), by its fingerprint. */
  certificate(fingerprint: string): string | undefined {
    return queryOne<{ certificate: string }>(
      this.#db,
      "SELECT certificate FROM ledger_certificates WHERE fingerprint = ?",
    )(fingerprint)?.certificate;
  }

  /** The body of the last checkpoint, as it stands there. */
  lastStatement(): Uint8Array | undefined {
    return queryOne<{ body: Uint8Array }>(
      this.#db,
      `SELECT body FROM ledger JOIN ledger_bodies USING (number)
       WHERE kind = 'checkpoint' ORDER BY number DESC LIMIT 1`,
    )()?.body;
  }

  /** The bodies of the checkpoints of which the signature is there as well. */
  signedStatements(): Iterable<{ number: number; body: Uint8Array }> {
    return rowsInTurn(
      this.#db,
      `SELECT number, body FROM ledger JOIN ledger_bodies USING (number) JOIN ledger_signatures USING (number)
       WHERE kind = 'checkpoint' AND number > ?1 ORDER BY number LIMIT ?2`,
      ({ number }) => number,
    );
  }

  /** The checkpoints behind an entry, with their statements as they stand there. */
  checkpoints(after: number): Iterable<{ number: number; time: number; body: Uint8Array }> {
    return rowsInTurn(
      this.#db,
      `SELECT number, time, body FROM ledger JOIN ledger_bodies USING (number)
       WHERE kind = 'checkpoint' AND number > ?1 ORDER BY number LIMIT ?2`,
      ({ number }) => number,
      after,
    );
  }

  /** The highest entry that anything kept belongs to, whether it is there or not. */
  highestMentioned(): number {
    const tables = ["ledger_bodies", "ledger_signatures", "ledger_receipts"];
    return Math.max(
      ...tables.map((name) =>
        queryOne<{ highest: number | null }>(this.#db, `SELECT max(number) AS highest FROM ${name}`)()
          ?.highest ?? 0
      ),
    );
  }

  #list(order: string, limit: number, selection: Selection): ListedEntry[] {
    const rows = query<Omit<ListedEntry, "kept"> & { kept: number }>(
      this.#db,
      `${LISTED} ${SELECTED} ${order}`,
    );
    return rows(...valuesOf(selection), limit).map((row) => ({ ...row, kept: row.kept === 1 }));
  }

  #version(): number | undefined {
    if (!hasTable(this.#db, "ledger")) return undefined;
    if (!hasTable(this.#db, "schema_versions")) return 0;
    const room = queryOne<{ version: number }>(
      this.#db,
      "SELECT version FROM schema_versions WHERE room = 'ledger'",
    );
    return room()?.version ?? 0;
  }
}

function valuesOf({ class: name, since, until, from, frozen, sent }: Selection) {
  return [name ?? null, since ?? null, until ?? null, from ?? 0, frozen ? 1 : 0, sent ? 1 : 0] as const;
}
