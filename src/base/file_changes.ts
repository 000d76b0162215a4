import type { Clock } from "./clock.ts";
import { sleep } from "./clock.ts";

/** How often somebody looks when the file system tells us nothing (network mounts, some containers). */
const POLL_MS = 1_000;
/** Events come in bursts, several for one change: they are taken together. */
const SETTLE_MS = 2;

export interface ChangesOptions {
  clock: Clock;
  /** Ends it. */
  signal: AbortSignal;
  /** Which paths, as the file system tells them, are of interest. Default: all. */
  concerns?: (path: string) => boolean;
}

/** Why somebody should look: the file system told of a change, or it is time to look anyway. */
export type Occasion = "event" | "poll";

/**
 * Yields whenever a file, or one in a folder, may have changed, until `signal` aborts. A watch wakes it within
 * milliseconds and idling costs nothing; a slow poll stands behind it. It watches from the first `next()` on.
 */
export async function* changesOf(
  path: string,
  { clock, signal, concerns = () => true }: ChangesOptions,
): AsyncGenerator<Occasion, void, void> {
  const watcher = tryWatch(path);
  let woken = Promise.withResolvers<boolean>();
  const stop = () => {
    watcher?.close();
    woken.resolve(false);
  };
  signal.addEventListener("abort", stop, { once: true });
  const watching = (async () => {
    for await (const { paths } of watcher ?? []) if (paths.some(concerns)) woken.resolve(true);
  })();
  while (!signal.aborted) {
    const slow = new AbortController();
    const isEvent = await Promise.race([woken.promise, sleep(clock, POLL_MS, slow.signal)]);
    slow.abort();
    if (isEvent) await sleep(clock, SETTLE_MS, signal);
    woken = Promise.withResolvers();
    if (!signal.aborted) yield isEvent ? "event" : "poll";
  }
  await watching;
}

function tryWatch(path: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(path, { recursive: false });
  } catch {
    return undefined; // not there, no watches left, or a file system without them: the poll serves
  }
}
