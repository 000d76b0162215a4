import type { Database } from "../base/sqlite.ts";
import { command, query, queryOne } from "../base/sqlite.ts";
import type { GapReason } from "../protocol/payloads/stream.ts";

/** The account of payloads that were lost before they could be sent. Times are milliseconds since 1970 UTC. */
export interface Gap {
  reason: GapReason;
  records: number;
  bytes: number;
  /** When the first and the last of them were put in; the first is null when it is not known. */
  first: number | null;
  last: number;
}

/** A gap at its place in the order of a channel. */
export interface PlacedGap extends Gap {
  seq: number;
}

/** The gap records that wait. They are changed in the transactions of their callers. */
export class Gaps {
  readonly #sql;

  constructor(db: Database) {
    this.#sql = {
      /** One that waits, with nothing but lost payloads between it and the number. */
      neighbour: queryOne<{ seq: number }>(
        db,
        `SELECT seq FROM spool_gaps g WHERE channel = ?1 AND reason = ?2 AND seq > ?3 AND seq < ?4
           AND NOT EXISTS (
             SELECT 1 FROM spool s WHERE s.channel = ?1 AND s.seq > g.seq AND s.seq < ?4
           ) ORDER BY seq DESC LIMIT 1`,
      ),
      grow: command(
        db,
        `UPDATE spool_gaps SET records = records + ?3, bytes = bytes + ?4, first = min(first, ?5),
           last = max(last, ?6) WHERE channel = ?1 AND seq = ?2`,
      ),
      insert: command(db, "INSERT INTO spool_gaps VALUES (?, ?, ?, ?, ?, ?, ?)"),
      list: query<PlacedGap>(
        db,
        `SELECT seq, reason, records, bytes, first, last FROM spool_gaps
         WHERE channel = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
      ),
      delete: command(db, "DELETE FROM spool_gaps WHERE channel = ? AND seq <= ?"),
      renumber: command(db, "UPDATE spool_gaps SET seq = seq + ?2 WHERE channel = ?1"),
      count: queryOne<{ n: number; first: number | null }>(
        db,
        "SELECT count(*) AS n, min(coalesce(first, last)) AS first FROM spool_gaps WHERE channel = ?",
      ),
    };
  }

  /**
   * Puts a gap in the place of the payload with this number, or adds it to one before it that waits, has the same
   * reason, and has no payload between. What may have been sent, up to `sent`, stays as it is.
   */
  add(channel: string, seq: number, sent: number, { reason, records, bytes, first, last }: Gap): void {
    const neighbour = seq > sent ? this.#sql.neighbour(channel, reason, sent, seq) : undefined;
    if (neighbour) this.#sql.grow(channel, neighbour.seq, records, bytes, first, last);
    else this.#sql.insert(channel, seq, reason, records, bytes, first, last);
  }

  /** Those behind `after` up to `through`, in their order. */
  list(channel: string, after: number, through: number, limit: number): PlacedGap[] {
    return this.#sql.list(channel, after, through, limit);
  }

  /** Removes those up to `through`. */
  settle(channel: string, through: number): number {
    return this.#sql.delete(channel, through);
  }

  /** Adds `by` to the numbers of all. */
  renumber(channel: string, by: number): void {
    this.#sql.renumber(channel, by);
  }

  /** How many wait, and when the first of what they tell of was put in. */
  count(channel: string): { n: number; first: number | null } {
    return this.#sql.count(channel)!;
  }
}
