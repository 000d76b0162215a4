import { MAX_BATCH_BYTES, MAX_CREDIT_BYTES } from "../../base/limits.ts";

/** How much may be on the way at once: the credit that the platform gave, and what of it is used. In bytes. */
export class Window {
  #credit = MAX_BATCH_BYTES;
  #onTheWay = 0;

  /** The platform says how much it takes; see `protocol/payloads/stream.ts`. */
  grant(credit: number): void {
    this.#credit = Math.min(credit, MAX_CREDIT_BYTES);
  }

  /** A new connection: nothing is on the way, and the platform has not said anything yet. */
  reset(): void {
    this.#credit = MAX_BATCH_BYTES;
    this.#onTheWay = 0;
  }

  /** Whether the platform said that nothing may be sent. */
  get isShut(): boolean {
    return this.#credit === 0;
  }

  get onTheWay(): number {
    return this.#onTheWay;
  }

  /**
   * What the next batch may take; 0: none may be sent now. Room for less than a whole batch counts as none while
   * something is on the way, or every acknowledgement would call forth a tiny batch.
   */
  get room(): number {
    const batch = Math.min(MAX_BATCH_BYTES, this.#credit);
    return this.#onTheWay === 0 || this.#onTheWay + batch <= this.#credit ? batch : 0;
  }

  took(bytes: number): void {
    this.#onTheWay += bytes;
  }

  /** A batch was acknowledged, or given up. */
  freed(bytes: number): void {
    this.#onTheWay -= bytes;
  }
}
