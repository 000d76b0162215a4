/**
 * Time, injected. This is the only file that may read the machine's clocks or set timers: a lint rule keeps
 * it so, and tests pass a clock of their own.
 */

/** A source of time and of waiting. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970-01-01 UTC. May jump. For what people and records see. */
  now(): number;
  /** Milliseconds on a clock that never goes back. For every duration and every deadline. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** A day in milliseconds. */
export const DAY_MS = 24 * 3_600_000;

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    let handle: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number) => {
      const step = Math.min(leftMs, MAX_DELAY_MS);
      handle = setTimeout(() => leftMs > step ? arm(leftMs - step) : callback(), step);
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(handle);
  },
};

/** Waits for `delayMs`, or until `signal` aborts, whichever is first. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** A length of time as a person would say it, such as "3 days" or "90 s"; its sign does not matter. */
export function inWords(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3_600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** A time in milliseconds as ISO 8601 in UTC, the form of every record. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
