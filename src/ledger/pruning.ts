import type { Database } from "../base/sqlite.ts";
import { command, queryOne, rowsInTurn } from "../base/sqlite.ts";

/** How long the bodies of payloads are kept. What else the ledger holds is small, and stays. */
export interface BodyLimits {
  ageMs: number;
  bytes: number;
}

/** Where pruning for size stops, as a share of the limit: so that it is not due again at once. */
const LEAVE = 0.9;
/** Bodies that are removed, and pages that are given back to the disk, in one transaction. */
const BODIES_AT_ONCE = 100;
const PAGES_AT_ONCE = 500;

/**
 * Removes the oldest bodies. They go in the order of the chain, so what is gone is always everything up to one
 * entry, which a checkpoint has named before: a body that is missing anywhere else was not pruned.
 */
export class Pruning {
  readonly #db: Database;
  readonly #limits: BodyLimits;
  /** Bytes of the bodies behind `from` and up to `through`: counted once, then added to. */
  #counted = { from: 0, through: 0, bytes: 0 };
  #removedThrough = 0;

  constructor(db: Database, limits: BodyLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  /** Whether the bodies behind this entry are more than the limit. */
  isOverfull(prunedThrough: number): boolean {
    return this.#keptBytes(prunedThrough) > this.#limits.bytes;
  }

  /** The entry up to and with which bodies should go now; at least `prunedThrough`, up to which they went before. */
  target(prunedThrough: number, now: number): number {
    // An entry from a time when the clock was ahead keeps those behind it for longer: better than the other way.
    const young = queryOne<{ number: number }>(
      this.#db,
      "SELECT number FROM ledger WHERE number > ? AND time >= ? ORDER BY number LIMIT 1",
    )(prunedThrough, now - this.#limits.ageMs);
    const byAge = young ? young.number - 1 : this.#end();
    if (!this.isOverfull(byAge)) return byAge;
    let excess = this.#keptBytes(byAge) - this.#limits.bytes * LEAVE;
    const payloads = rowsInTurn<{ number: number; bytes: number }>(
      this.#db,
      "SELECT number, bytes FROM ledger WHERE kind = 'payload' AND number > ?1 ORDER BY number LIMIT ?2",
      ({ number }) => number,
      byAge,
    );
    for (const { number, bytes } of payloads) {
      excess -= bytes;
      if (excess <= 0) return number;
    }
    return this.#end();
  }

  /** Removes the bodies up to an entry that a checkpoint has named, in short transactions: one a step. */
  *remove(prunedThrough: number): Generator<void> {
    if (this.#removedThrough >= prunedThrough) return;
    const removeSome = command(
      this.#db,
      `DELETE FROM ledger_bodies WHERE number IN (
         SELECT number FROM ledger_bodies JOIN ledger USING (number)
         WHERE kind = 'payload' AND number > ? AND number <= ? ORDER BY number LIMIT ?)`,
    );
    while (removeSome(this.#removedThrough, prunedThrough, BODIES_AT_ONCE) > 0) yield;
    this.#removedThrough = prunedThrough;
    // Without effect in a database that was made before `auto_vacuum` was set: its pages are used again instead.
    const giveBack = this.#db.prepare(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`);
    while (giveBack.all().length > 0) yield;
  }

  #keptBytes(prunedThrough: number): number {
    if (this.#counted.from !== prunedThrough) {
      this.#counted = { from: prunedThrough, through: prunedThrough, bytes: 0 };
    }
    const { bytes, through } = queryOne<{ bytes: number | null; through: number | null }>(
      this.#db,
      "SELECT sum(bytes) AS bytes, max(number) AS through FROM ledger WHERE kind = 'payload' AND number > ?",
    )(this.#counted.through)!;
    this.#counted.bytes += bytes ?? 0;
    this.#counted.through = through ?? this.#counted.through;
    return this.#counted.bytes;
  }

  #end(): number {
    return queryOne<{ number: number | null }>(this.#db, "SELECT max(number) AS number FROM ledger")()
      ?.number ??
      0;
  }
}
