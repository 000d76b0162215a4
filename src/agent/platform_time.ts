import type { Clock } from "../base/clock.ts";

/** An offset counts on while what is measured stays this close to it, so that it is not told anew each time. */
const STEADY_MS = 30_000;

/**
 * The platform's time: what its proof told, carried on by the monotonic clock, so that whoever sets this machine's
 * clock does not move it. After the machine has slept it is behind until the next proof, which is soon: the
 * connection has not outlived the sleep either.
 */
export class PlatformTime {
  readonly #clock: Clock;
  #told: { time: number; at: number } | undefined;
  #offsetMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the offset of a proof that has just arrived: the platform's clock minus this machine's, in milliseconds. */
  learn(offsetMs: number): void {
    this.#told = { time: this.#clock.now() + offsetMs, at: this.#clock.monotonic() };
  }

  /** Milliseconds since 1970 UTC; undefined before the first proof. */
  now(): number | undefined {
    return this.#told && this.#told.time + this.#clock.monotonic() - this.#told.at;
  }

  /** The platform's clock minus this machine's as it is now, to half a minute; undefined before the first proof. */
  offsetMs(): number | undefined {
    const now = this.now();
    if (now === undefined) return undefined;
    const measured = Math.round(now - this.#clock.now());
    const isSteady = this.#offsetMs !== undefined && Math.abs(measured - this.#offsetMs) < STEADY_MS;
    if (!isSteady) this.#offsetMs = measured;
    return this.#offsetMs;
  }
}
