/**
 * Whose turn it is among channels that share one way out: start-time fair queueing (Goyal, Vin and Cheng, 1996).
 * Over any time in which several have something to send, each gets its weight's share of the bytes, so that one
 * with much to say cannot starve the others; one that was silent saves up no claim.
 */
export class Turns {
  /** The virtual time: when the batch that was sent last began. */
  #now = 0;
  /** The virtual time at which each channel's last batch ended. */
  readonly #ends = new Map<string, number>();

  /** The channels, the one whose turn it is first. */
  order<T extends { name: string }>(channels: readonly T[]): T[] {
    return [...channels].sort((a, b) => this.#start(a.name) - this.#start(b.name));
  }

  /** Notes that a channel has sent a batch. */
  took(name: string, bytes: number, weight: number): void {
    this.#now = this.#start(name);
    this.#ends.set(name, this.#now + bytes / weight);
  }

  #start(name: string): number {
    return Math.max(this.#now, this.#ends.get(name) ?? 0);
  }
}
