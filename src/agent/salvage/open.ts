import { join } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import { isDatabaseDamage, messageOf, SallyportError } from "../../base/errors.ts";
import { exists, readTextIfThere, removeIfThere, writeAtomic } from "../../base/files.ts";
import type { Database } from "../../base/sqlite.ts";
import { lockEngine, tryLockOwner } from "../../engine/lock.ts";
import type { AgentContext, Half } from "../home.ts";
import { DATABASE_PATH, openState, STATE_FOLDER, tryLockGatehouse } from "../home.ts";
import { finishSwap } from "./files.ts";
import { openIfSound } from "./soundness.ts";

/** Says, and why, that the database must not be used any more, to whichever half has it open. */
const SUSPECT_PATH = join(STATE_FOLDER, "damaged");
/** Waits for others to let go of the database, and for room on the disk. */
const LOCK_RETRY_MS = 500;
const ROOM_RETRY_MS = 10_000;

/** Notes that the state database is damaged: every half ends its work, and the next to open it saves what it can. */
export async function noteDamage(reason: string): Promise<void> {
  if (!await exists(SUSPECT_PATH)) await writeAtomic(SUSPECT_PATH, reason);
}

/** Whether somebody noted that the state database is damaged. */
export function isDamageNoted(): Promise<boolean> {
  return exists(SUSPECT_PATH);
}

/** The state database with what keeps others from putting another in its place. */
export interface OpenedState extends Disposable {
  db: Database;
}

/**
 * Opens the state database for a half that begins to work: the gatehouse, whose lock the caller holds, or the engine,
 * whose lock it takes. Of a database that is damaged, what can be read is saved into a new one first (`salvage.ts`),
 * once nobody else uses it and there is room. Undefined when `signal` aborts before.
 *
 * @throws {SallyportError} `home.locked` when another engine works on it.
 */
export async function openSoundState(
  half: Half,
  { clock, log }: AgentContext,
  signal: AbortSignal,
): Promise<OpenedState | undefined> {
  let told = "";
  while (!signal.aborted) {
    const opened = await tryOpen(half, { clock, log });
    if (!("waitMs" in opened)) return opened;
    const { reason, remedy, waitMs } = opened;
    if (told !== reason) log.warn(reason, remedy ? { remedy } : {});
    told = reason;
    await sleep(clock, waitMs, signal);
  }
  return undefined;
}

/** Why the database cannot be opened yet. */
interface NotYet {
  reason: string;
  remedy?: string | undefined;
  waitMs: number;
}

const IN_USE: NotYet = {
  reason: "the state database is damaged; it is saved once nobody uses it any more",
  waitMs: LOCK_RETRY_MS,
};

async function tryOpen(half: Half, context: AgentContext): Promise<OpenedState | NotYet> {
  using held = new DisposableStack();
  if (half === "engine") {
    // Held while the database is open, and not while others are waited for: they may wait for this one.
    const own = await lockEngineOrYield(context.clock);
    if (!own) return IN_USE;
    held.use(own);
  }
  using alone = await lockOthers(half);
  try {
    // Whoever else is at work looked at it before.
    const db = alone ? await openAlone(context) : await isDamageNoted() ? IN_USE : openState();
    if ("waitMs" in db) return db;
    held.adopt(db, () => db.close());
    const kept = held.move();
    return { db, [Symbol.dispose]: () => kept.dispose() };
  } catch (error) {
    if (alone || !isDatabaseDamage(error)) throw error;
    await noteDamage(messageOf(error));
    return IN_USE;
  }
}

async function lockEngineOrYield(clock: Clock): Promise<Disposable | undefined> {
  try {
    return await lockEngine(DATABASE_PATH, clock);
  } catch (error) {
    if (await isDamageNoted()) return undefined; // the gatehouse is saving what can be read
    throw error;
  }
}

async function openAlone(context: AgentContext): Promise<Database | NotYet> {
  await finishSwap(DATABASE_PATH);
  const noted = await readTextIfThere(SUSPECT_PATH);
  const opened = await openIfSound(DATABASE_PATH, noted !== undefined);
  if ("db" in opened) {
    if (noted === undefined) return opened.db;
    context.log.warn("the state database was taken for damaged, and every page of it is sound", {
      reason: noted,
    });
    await removeIfThere(SUSPECT_PATH);
    return opened.db;
  }
  try {
    await noteDamage(opened.damage.reason);
    const { salvage } = await import("./salvage.ts");
    await salvage(DATABASE_PATH, opened.damage, context);
  } catch (error) {
    if (!(error instanceof SallyportError) || error.code !== "disk.full") throw error;
    return { reason: error.message, remedy: error.remedy, waitMs: ROOM_RETRY_MS };
  }
  await removeIfThere(SUSPECT_PATH);
  return openState();
}

/** Keeps every other user of the database out; undefined when there is one. */
async function lockOthers(half: Half): Promise<Disposable | undefined> {
  using locks = new DisposableStack();
  const wanted = [
    half === "engine" ? tryLockGatehouse : () => tryLockOwner(DATABASE_PATH, "engine"),
    () => tryLockOwner(DATABASE_PATH, "local"),
  ];
  for (const take of wanted) {
    const lock = await take();
    if (!lock) return undefined;
    locks.use(lock);
  }
  return locks.move();
}
