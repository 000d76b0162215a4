import { join } from "@std/path";
import { sleep } from "../../base/clock.ts";
import { isDatabaseDamage, messageOf, SallyportError } from "../../base/errors.ts";
import { exists, readTextIfThere, removeIfThere, writeAtomic } from "../../base/files.ts";
import type { Database } from "../../base/sqlite.ts";
import { tryLockOwner } from "../../engine/recovery.ts";
import type { AgentContext } from "../home.ts";
import { DATABASE_PATH, openState, STATE_FOLDER, tryLockGatehouse } from "../home.ts";
import { finishSwap } from "./files.ts";
import { openIfSound } from "./soundness.ts";

/** Says, and why, that the database must not be used any more, to whichever half has it open. */
const SUSPECT_PATH = join(STATE_FOLDER, "damaged");
const RETRY_MS = 500;

/** Notes that the state database is damaged: every half ends its work, and the next to open it saves what it can. */
export async function noteDamage(reason: string): Promise<void> {
  if (!await exists(SUSPECT_PATH)) await writeAtomic(SUSPECT_PATH, reason);
}

/** Whether somebody noted that the state database is damaged. */
export function isDamageNoted(): Promise<boolean> {
  return exists(SUSPECT_PATH);
}

export interface OpenSoundOptions extends AgentContext {
  /** Whether this half holds the lock of the gatehouse. */
  isGatehouse: boolean;
}

/**
 * Opens the state database for a half that begins to work. Of one that is damaged, what can be read is saved into a
 * new one first ({@linkcode salvage}), once nobody else uses it.
 *
 * @throws {SallyportError} `home.locked` when `signal` aborts while somebody else uses a damaged one.
 */
export async function openSoundState(
  { isGatehouse, clock, log }: OpenSoundOptions,
  signal: AbortSignal,
): Promise<Database> {
  for (let isToldOf = false;; isToldOf = true) {
    using alone = await lockOthers(isGatehouse);
    if (alone) return await openAlone({ clock, log });
    if (!await isDamageNoted()) {
      try {
        return openState(); // whoever else is at work looked at it before
      } catch (error) {
        if (!isDatabaseDamage(error)) throw error;
        await noteDamage(messageOf(error));
      }
    }
    if (signal.aborted) {
      throw new SallyportError("home.locked", "the state database is damaged, and somebody else has it open");
    }
    if (!isToldOf) log.warn("the state database is damaged; it is saved once nobody uses it any more");
    await sleep(clock, RETRY_MS, signal);
  }
}

async function openAlone(context: AgentContext): Promise<Database> {
  await finishSwap(DATABASE_PATH);
  const noted = await readTextIfThere(SUSPECT_PATH);
  const opened = await openIfSound(DATABASE_PATH);
  if ("db" in opened) {
    if (noted === undefined) return opened.db;
    opened.db.close();
  }
  const damage = "damage" in opened ? opened.damage : { reason: noted!, isLogDamaged: false };
  const { salvage } = await import("./salvage.ts");
  await salvage(DATABASE_PATH, damage, context);
  await removeIfThere(SUSPECT_PATH);
  return openState();
}

/** Keeps every other user of the database out; undefined when there is one. */
async function lockOthers(isGatehouse: boolean): Promise<Disposable | undefined> {
  const locks = new DisposableStack();
  const wanted = [
    ...isGatehouse ? [] : [tryLockGatehouse],
    () => tryLockOwner(DATABASE_PATH, "engine"),
    () => tryLockOwner(DATABASE_PATH, "local"),
  ];
  for (const take of wanted) {
    const lock = await take();
    if (!lock) {
      locks.dispose();
      return undefined;
    }
    locks.use(lock);
  }
  return locks;
}
