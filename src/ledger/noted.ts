import type { MetBreak } from "./declared_losses.ts";
import type { LedgerEntry } from "./entry.ts";
import { fault } from "./fault.ts";

/** A hash that was noted outside of the ledger, with the number of its entry if that was noted too. */
export interface Noted {
  number?: number;
  hash: string;
}

/** Looks in a ledger for hashes that were noted elsewhere: each must be there, and in its place. */
export class NotedHashes {
  readonly #byNumber: Map<number | undefined, Noted[]>;
  readonly #anywhere: Set<string>;

  constructor(noted: readonly Noted[]) {
    this.#byNumber = Map.groupBy(noted, ({ number }) => number);
    this.#anywhere = new Set(this.#byNumber.get(undefined)?.map(({ hash }) => hash));
    this.#byNumber.delete(undefined);
  }

  take({ number, hash }: Pick<LedgerEntry, "number" | "hash">): void {
    this.#anywhere.delete(hash);
    if (this.#byNumber.get(number)?.some((noted) => noted.hash !== hash)) {
      fault("rewritten", number, "it is not the entry that was noted elsewhere: the chain was written anew");
    }
    this.#byNumber.delete(number);
  }

  /** Of what a signed checkpoint states to be lost between two entries, no hash can be expected. */
  crossBreak({ after, next }: MetBreak): void {
    for (const number of this.#byNumber.keys()) {
      if (number! > after && number! < next) this.#byNumber.delete(number);
    }
  }

  /** @param next the number that the next entry would have */
  finish(next: number): void {
    const [number] = this.#byNumber.keys();
    if (number !== undefined) {
      fault("truncated", next, `it is missing, with all behind it: entry ${number} was noted elsewhere`);
    }
    const [hash] = this.#anywhere;
    if (hash === undefined) return;
    fault("truncated", next, `it is missing: no entry has the hash ${hash}, which was noted elsewhere`);
  }
}
