/** How long to wait before the next try. */
export interface BackoffOptions {
  /** The first ceiling, in milliseconds. */
  baseMs: number;
  /** The highest ceiling, in milliseconds. */
  capMs: number;
  /** A number in [0, 1): injected so that tests can choose it. */
  random?: () => number;
}

/**
 * Exponential backoff with full jitter: a uniformly random wait below a ceiling that doubles with each try,
 * which spreads a crowd of clients out best (Brooker, "Exponential Backoff And Jitter", 2015).
 */
export class Backoff {
  #tries = 0;
  readonly #options: Required<BackoffOptions>;

  constructor(options: BackoffOptions) {
    this.#options = { random: Math.random, ...options };
  }

  /** How many waits were handed out since the last {@linkcode reset}. */
  get tries(): number {
    return this.#tries;
  }

  /** The next wait in milliseconds; never below `minimumMs`, which is what a server asked for. */
  next(minimumMs = 0): number {
    const { baseMs, capMs, random } = this.#options;
    const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(this.#tries, 30));
    this.#tries++;
    return minimumMs + random() * ceiling;
  }

  /** Starts over: call it after a success that lasted. */
  reset(): void {
    this.#tries = 0;
  }
}
