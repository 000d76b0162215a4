import type { Clock } from "../../base/clock.ts";
import { DAY_MS } from "../../base/clock.ts";
import type { Database } from "../../base/sqlite.ts";
import { CLASSES } from "../../gate/policy/options.ts";
import type { PayloadClass } from "../../gate/policy/options.ts";
import type { Circumstances } from "../../gate/verdict.ts";
import { bytesSince } from "../../ledger/spent.ts";

/** What left today, in UTC. The ledger knows it; this only saves asking it before every message. */
export class Spending {
  readonly #db: Database;
  readonly #clock: Clock;
  #day = NaN;
  #spent: Record<PayloadClass, number> | undefined;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The moment, with what left on its day. */
  circumstances(): Circumstances {
    const now = this.#clock.now();
    return { now, spent: this.#today(now) };
  }

  /** Something leaves, and its ledger entry is written. */
  add(payloadClass: PayloadClass, bytes: number): void {
    this.#today(this.#clock.now())[payloadClass] += bytes;
  }

  #today(now: number): Record<PayloadClass, number> {
    const day = Math.floor(now / DAY_MS);
    if (!this.#spent || day !== this.#day) {
      const spent = bytesSince(this.#db, day * DAY_MS);
      this.#spent = Object.fromEntries(
        CLASSES.map((name) => [name, spent.get(name) ?? 0]),
      ) as Record<PayloadClass, number>;
      this.#day = day;
    }
    return this.#spent;
  }
}
