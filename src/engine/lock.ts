import { dirname } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { lockFile, tryLockFile } from "../base/lock.ts";
import type { RunOwner } from "./runs.ts";

/** Takes the lock that only a living owner of runs holds, beside the database; undefined when it is held. */
export function tryLockOwner(databasePath: string, owner: RunOwner): Promise<Disposable | undefined> {
  return tryLockFile(lockPath(databasePath, owner));
}

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
  const lock = await lockFile(lockPath(databasePath, owner), waitMs, clock);
  if (lock) return lock;
  const who = owner === "engine" ? "another engine" : "another `sallyport process run`";
  throw new SallyportError("home.locked", `${who} is at work in this home`, {
    retryable: true,
    remedy: "Wait until it has ended.",
  });
}

function lockPath(databasePath: string, owner: RunOwner): string {
  return `${dirname(databasePath)}/${owner}.lock`;
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
