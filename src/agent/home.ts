import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { isDatabaseDamage, SallyportError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { lockFile, tryLockFile } from "../base/lock.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { openDatabase } from "../base/sqlite.ts";

/** The agent's home is the folder in which it is started; its permissions end there. */
export const STATE_FOLDER = "state";
export const DATA_FOLDER = "data";
/** The operator's: further CAs that TLS to the platform trusts. Like `policy.yaml`, the agent cannot write it. */
export const CA_FILE = "ca.pem";
/** The operator's: what may be browsed, and what that logs in with. The agent cannot write either. */
export const CONNECTIONS_FILE = "connections.yaml";
export const SECRETS_FOLDER = "secrets";
export const DATABASE_PATH = join(STATE_FOLDER, "sallyport.db");
/** What is kept back of the disk; see `room/reserve.ts`. */
export const RESERVE_PATH = join(STATE_FOLDER, "reserve");

/** The two halves of the agent; each runs at most once in a home. */
export type Half = "gatehouse" | "engine";

/**
 * Checks that the current folder may be a home: not the root of the file system, and owned by the user who runs
 * this. Makes `state/` and `data/` if they are missing.
 *
 * @throws {SallyportError} `home.unusable`
 */
export async function prepareHome(): Promise<void> {
  const home = Deno.cwd();
  if (home === "/" || /^[A-Z]:\\$/i.test(home)) {
    throw new SallyportError("home.unusable", "the agent was started at the root of the file system", {
      remedy: "Make a folder for the agent and start it there: it can read and write only below that folder.",
    });
  }
  try {
    await Deno.mkdir(STATE_FOLDER, { recursive: true, mode: 0o700 });
    await Deno.mkdir(DATA_FOLDER, { recursive: true });
    await checkOwner(home);
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw new SallyportError("home.unusable", `the home ${home} cannot be written: ${String(cause)}`, {
      cause,
      remedy: "Start the agent as the user who owns its home, on a file system with room.",
    });
  }
}

/** The user who runs this: a file of ours belongs to them, which is the way to know without a permission for it. */
export async function runnerOf(folder: string): Promise<number | null> {
  const probe = join(folder, `.owner-${crypto.randomUUID()}`);
  return await Deno.open(probe, { createNew: true, write: true }).then(async (file) => {
    using open = file;
    return (await open.stat()).uid;
  }).finally(() => Deno.remove(probe).catch(() => {}));
}

async function checkOwner(home: string): Promise<void> {
  const runner = await runnerOf(STATE_FOLDER);
  const { uid: owner } = await Deno.stat(".");
  if (runner === owner) return;
  throw new SallyportError(
    "home.unusable",
    `the home ${home} belongs to user ${owner}, but user ${runner} runs this`,
    {
      remedy: "Start the agent as the user who owns its home, so that the files in it keep one owner.",
    },
  );
}

/** Others take the lock for a moment, to look whether it is held, and an engine to save a damaged database. */
const LOCK_WAIT_MS = 2_000;

/**
 * Takes the gatehouse's lock for as long as this process lives; the operating system gives it back in any case.
 *
 * @throws {SallyportError} `home.locked`
 */
export async function lockGatehouse(clock: Clock): Promise<Disposable> {
  const lock = await lockFile(lockPath("gatehouse"), LOCK_WAIT_MS, clock);
  if (lock) return lock;
  throw new SallyportError("home.locked", `another gatehouse of Sallyport runs in ${Deno.cwd()}`, {
    remedy: "`sallyport status` tells how it is. Stop it first, or start this one in a home of its own.",
  });
}

/** As {@linkcode lockGatehouse}; undefined when it is taken. */
export function tryLockGatehouse(): Promise<Disposable | undefined> {
  return tryLockFile(lockPath("gatehouse"));
}

/** The engine takes its lock itself, wherever it runs; see `engine/lock.ts`. */
function lockPath(half: Half): string {
  return join(STATE_FOLDER, `${half}.lock`);
}

/** Whether a half runs in this home at this moment, in this process or another. */
export async function isRunning(half: Half): Promise<boolean> {
  if (!await exists(lockPath(half))) return false;
  using lock = await tryLockFile(lockPath(half));
  return lock === undefined;
}

/**
 * Opens the state database of this home, as it is. A half that begins to work does that by `salvage/open.ts`: of one
 * that is damaged it saves what it can, and keeps the old one.
 */
export function openState(): Database {
  try {
    return openDatabase(DATABASE_PATH);
  } catch (cause) {
    if (!(cause instanceof SallyportError) || !isDatabaseDamage(cause)) throw cause;
    throw new SallyportError(cause.code, cause.message, {
      cause,
      remedy: "Start the agent (`sallyport run`): it saves what can be read, and keeps the damaged file.",
    });
  }
}

/** What every part of the agent gets. */
export interface AgentContext {
  clock: Clock;
  log: Log;
}
