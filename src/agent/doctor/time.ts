import type { Clock } from "../../base/clock.ts";

/**
 * Does work that may hang, for so long and no longer: rejects then, and the signal tells the work to stop.
 */
export async function withinTime<T>(
  clock: Clock,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(limitMs, () => {
    reject(new Error(`it was not done within ${limitMs / 1000} s`));
    controller.abort();
  });
  try {
    return await Promise.race([work(controller.signal), late]);
  } finally {
    cancel();
  }
}
