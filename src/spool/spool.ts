import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../base/limits.ts";
import type { Database } from "../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../base/sqlite.ts";

/** A payload that waits to leave: the channel it belongs to, and its place in the order of all payloads. */
export interface SpooledPayload {
  seq: number;
  payload: unknown;
}

/** A row that does not hold what it should; it was moved to the quarantine and a person should look at it. */
export interface UnreadableRow {
  seq: number;
  reason: string;
}

/** The oldest payloads of a channel, as far as they fit. */
export interface SpoolHead {
  payloads: SpooledPayload[];
  unreadable: UnreadableRow[];
}

/** What waits, by channel. */
export interface SpoolCount {
  channel: string;
  waiting: number;
  bytes: number;
  /** When the oldest was put in, milliseconds since 1970 UTC. */
  oldest: number;
}

const SCHEMA = [
  `CREATE TABLE spool_stream (id TEXT NOT NULL);
   CREATE TABLE spool (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     channel TEXT NOT NULL,
     payload TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     put_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX spool_by_channel ON spool (channel, seq);
   CREATE TABLE spool_quarantine (
     seq INTEGER PRIMARY KEY,
     channel TEXT NOT NULL,
     payload ANY,
     reason TEXT NOT NULL,
     found_at INTEGER NOT NULL
   ) STRICT;`,
];

/**
 * The durable outbox. Whoever has a payload puts it in within the transaction of the work that it tells of, so
 * that neither exists without the other; the pump takes it out once the platform has said that it is stored.
 *
 * Sequence numbers grow by the order of the commits and are never used twice, also after a crash: SQLite has
 * one writer at a time, and AUTOINCREMENT remembers.
 */
export class Spool {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #insert: (...values: (string | number)[]) => number;
  readonly #oldest: (channel: string, limit: number) => { seq: number; payload: string; bytes: number }[];
  readonly #quarantined: () => { count: number } | undefined;
  readonly #delete: (channel: string, through: number) => number;
  readonly #readStream: () => { id: string } | undefined;

  constructor(db: Database, clock: Clock) {
    migrate(db, "spool", SCHEMA);
    this.#db = db;
    this.#clock = clock;
    this.#insert = command(db, "INSERT INTO spool (channel, payload, bytes, put_at) VALUES (?, ?, ?, ?)");
    this.#oldest = query(
      db,
      "SELECT seq, payload, bytes FROM spool WHERE channel = ? ORDER BY seq LIMIT ?",
    );
    this.#quarantined = queryOne(db, "SELECT count(*) AS count FROM spool_quarantine");
    this.#delete = command(db, "DELETE FROM spool WHERE channel = ? AND seq <= ?");
    this.#readStream = queryOne(db, "SELECT id FROM spool_stream");
    if (!this.#readStream()) this.#nameStream();
  }

  /** Names this spool to the platform: sequence numbers mean something only within one stream. */
  get stream(): string {
    return this.#readStream()!.id;
  }

  /** Gives this spool another name, because the one that it has is used by a second one. */
  renameStream(): void {
    this.#db.prepare("UPDATE spool_stream SET id = ?").run(crypto.randomUUID());
  }

  /**
   * Puts a payload in. Call it within the transaction of the work that the payload tells of.
   *
   * @throws {SallyportError} `internal` when the payload is over the limit: its maker must cut it.
   */
  put(channel: string, payload: unknown): void {
    const text = JSON.stringify(payload);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_PAYLOAD_BYTES) {
      throw new SallyportError(
        "internal",
        `a ${channel} payload has ${bytes} bytes; the spool takes ${MAX_PAYLOAD_BYTES}`,
      );
    }
    this.#insert(channel, text, bytes, this.#clock.now());
  }

  /**
   * The oldest payloads of a channel, at least one if there is one, and no more than the two limits allow. They
   * stay in the spool until {@linkcode settle}. Rows that cannot be read are quarantined and named.
   */
  head(channel: string, limits: { records: number; bytes: number }): SpoolHead {
    const head: SpoolHead = { payloads: [], unreadable: [] };
    let total = 0;
    for (const { seq, payload, bytes } of this.#oldest(channel, limits.records)) {
      if (head.payloads.length > 0 && total + bytes > limits.bytes) break;
      try {
        head.payloads.push({ seq, payload: JSON.parse(payload) });
        total += bytes;
      } catch (error) {
        const reason = `the row is not JSON: ${String(error)}`;
        this.quarantine(seq, reason);
        head.unreadable.push({ seq, reason });
      }
    }
    return head;
  }

  /** Removes the payloads of a channel up to and with a sequence number; returns how many there were. */
  settle(channel: string, through: number): number {
    return this.#delete(channel, through);
  }

  /** Sets one payload aside, so that it does not hold up those behind it. */
  quarantine(seq: number, reason: string): void {
    transaction(this.#db, () => {
      this.#db.prepare(
        `INSERT OR IGNORE INTO spool_quarantine SELECT seq, channel, payload, ?, ? FROM spool WHERE seq = ?`,
      ).run(reason, this.#clock.now(), seq);
      this.#db.prepare("DELETE FROM spool WHERE seq = ?").run(seq);
    });
  }

  /** How many payloads are set aside. */
  quarantined(): number {
    return this.#quarantined()!.count;
  }

  /** What waits, by channel. */
  counts(): SpoolCount[] {
    return query<SpoolCount>(
      this.#db,
      `SELECT channel, count(*) AS waiting, sum(bytes) AS bytes, min(put_at) AS oldest
       FROM spool GROUP BY channel ORDER BY channel`,
    )();
  }

  /** How many payloads were ever put in. */
  total(): number {
    const row = queryOne<{ seq: number }>(this.#db, "SELECT seq FROM sqlite_sequence WHERE name = 'spool'")();
    return row?.seq ?? 0;
  }

  #nameStream(): void {
    // The other half may have been first between the look and the lock.
    this.#db.prepare("INSERT INTO spool_stream SELECT ? WHERE NOT EXISTS (SELECT 1 FROM spool_stream)")
      .run(crypto.randomUUID());
  }
}
