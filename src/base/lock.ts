import type { Clock } from "./clock.ts";
import { sleep } from "./clock.ts";

const RETRY_MS = 100;

/**
 * Takes the lock of a file, made where it is missing; undefined when it is held, by this process or another. Its holder
 * has it until it is disposed of, or ends in whatever way.
 */
export async function tryLockFile(path: string): Promise<Disposable | undefined> {
  const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
  if (await file.tryLock(true)) return file;
  file.close();
  return undefined;
}

/** As {@linkcode tryLockFile}, waiting for a while for one who is just ending. */
export async function lockFile(path: string, waitMs: number, clock: Clock): Promise<Disposable | undefined> {
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    const lock = await tryLockFile(path);
    if (lock || clock.monotonic() >= deadline) return lock;
    await sleep(clock, RETRY_MS);
  }
}
