import { dirname } from "@std/path";
import { sleep } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import type { RunOwner } from "./runs.ts";

/**
 * Takes the lock that only a living owner of runs holds, beside the database; undefined when it is held. Its holder
 * has it until it is disposed of, or ends in whatever way.
 */
export async function tryLockOwner(databasePath: string, owner: RunOwner): Promise<Disposable | undefined> {
  const path = `${dirname(databasePath)}/${owner}.lock`;
  const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
  if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
  file.close();
  return undefined;
}

const LOCK_RETRY_MS = 100;

/**
 * As {@linkcode tryLockOwner}, waiting for a while for one who is just ending.
 *
 * @throws {SallyportError} `home.locked`.
 */
export async function lockOwner(
  databasePath: string,
  owner: RunOwner,
  waitMs: number,
  clock: Clock,
): Promise<Disposable> {
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    const lock = await tryLockOwner(databasePath, owner);
    if (lock) return lock;
    if (clock.monotonic() >= deadline) break;
    await sleep(clock, LOCK_RETRY_MS);
  }
  const who = owner === "engine" ? "another engine" : "another `sallyport process run`";
  throw new SallyportError("home.locked", `${who} is at work in this home`, {
    retryable: true,
    remedy: "Wait until it has ended.",
  });
}

/** How long to wait for the engine before this one to let go of the home. */
const ENGINE_WAIT_MS = 5_000;

/**
 * Takes the lock of the engine, waiting for the one before to let go.
 *
 * @throws {SallyportError} `home.locked` when another engine works on the same state.
 */
export function lockEngine(databasePath: string, clock: Clock): Promise<Disposable> {
  return lockOwner(databasePath, "engine", ENGINE_WAIT_MS, clock);
}
