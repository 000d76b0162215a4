import type { Clock } from "./clock.ts";

const MINUTE_MS = 60_000;

/** So many a minute, all of them at once if none was taken for a minute (a token bucket). */
export class Allowance {
  readonly #clock: Clock;
  readonly #perMinute: number;
  #left: number;
  #at: number;

  constructor(perMinute: number, clock: Clock) {
    this.#clock = clock;
    this.#perMinute = this.#left = perMinute;
    this.#at = clock.monotonic();
  }

  /** Takes one; false when there is none left at the moment. */
  take(): boolean {
    this.#refill();
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** In how many milliseconds the next one can be taken. */
  get waitMs(): number {
    this.#refill();
    return this.#left >= 1 ? 0 : Math.ceil((1 - this.#left) * MINUTE_MS / this.#perMinute);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const grown = (now - this.#at) * this.#perMinute / MINUTE_MS;
    this.#left = Math.min(this.#perMinute, this.#left + grown);
    this.#at = now;
  }
}
