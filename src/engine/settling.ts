import type { Input } from "./connector.ts";

/** How long an input that failed as a whole, and has not changed since, is left alone. */
const RETRY_MS = 10 * 60_000;
const MAX_REMEMBERED = 100_000;

/** Tells inputs that are complete from those still being written: they have not changed for a while. */
export class Settling {
  readonly #settleMs: number;
  #seen = new Map<string, { identity: string; since: number }>();
  #tried = new Map<string, { identity: string; at: number }>();

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /**
   * The inputs that are ready, and in how many milliseconds the next of the others may be. `now` is monotonic.
   */
  ready(inputs: readonly Input[], now: number): { ready: Input[]; againInMs: number | undefined } {
    const seen = new Map<string, { identity: string; since: number }>();
    const ready: Input[] = [];
    let againInMs: number | undefined;
    for (const input of inputs) {
      const before = this.#seen.get(input.name);
      const since = before?.identity === input.identity ? before.since : now;
      if (seen.size < MAX_REMEMBERED) seen.set(input.name, { identity: input.identity, since });
      const tried = this.#tried.get(input.name);
      const waitMs = tried?.identity === input.identity
        ? tried.at + RETRY_MS - now
        : since + this.#settleMs - now;
      if (waitMs <= 0) ready.push(input);
      else againInMs = Math.min(againInMs ?? Infinity, waitMs);
    }
    this.#seen = seen;
    return { ready, againInMs };
  }

  /** Forgets what the last run took: it never began. */
  gaveBack(): void {
    this.#tried = new Map();
  }

  /** Remembers what a run took: only an input that failed as a whole will be seen again as it was. */
  took(inputs: readonly Input[], now: number): void {
    this.#tried = new Map(inputs.map((input) => [input.name, { identity: input.identity, at: now }]));
  }
}
