import { basename, dirname, join } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { SallyportError } from "../../base/errors.ts";
import { exists, removeIfThere, syncFolder, UNREADABLE, unreadablePath } from "../../base/files.ts";
import { isDatabaseError, openReadOnly } from "../../base/sqlite.ts";
import { lastSetAside } from "./record.ts";

/** Damaged databases that are kept; each is as large as the database was. */
const MAX_SET_ASIDE = 3;

/** The new database while it is made; it takes its place only when it is whole. */
export function pathOfNew(path: string): string {
  return `${path}.new`;
}

/** The databases that were set aside beside this one, oldest first. */
export async function setAsideDatabases(path: string): Promise<string[]> {
  const begin = `${basename(path)}${UNREADABLE}`;
  const names = (await Array.fromAsync(Deno.readDir(dirname(path)))).map(({ name }) => name);
  return names.filter((name) => name.startsWith(begin) && !/-(wal|shm)$/.test(name)).sort()
    .map((name) => join(dirname(path), name));
}

/** A name under which nothing was set aside yet, whatever the clock says. */
export async function freeAside(path: string, clock: Clock): Promise<string> {
  const wanted = unreadablePath(path, clock);
  for (let n = 1;; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if (!await exists(name)) return name;
  }
}

/**
 * Sets a damaged database aside and puts the new one, which is whole, closed and names the other, in its place. There
 * is one at every moment: who opens the database without a lock must not find none, and make one. Killed in
 * between, {@linkcode finishSwap} does the rest.
 */
export async function swap(path: string, aside: string): Promise<void> {
  await Deno.link(path, aside);
  await finishSwap(path);
}

/** Brings a swap to its end that was cut off, or throws away a new database that was cut off before. */
export async function finishSwap(path: string): Promise<void> {
  const fresh = pathOfNew(path);
  const aside = await exists(fresh) ? asideOf(fresh) : undefined;
  if (aside === undefined || !await isSameFile(path, aside)) return await removeNew(path);
  // With a log that is not its own, the new one would be damaged, too.
  if (await exists(`${path}-wal`)) await Deno.rename(`${path}-wal`, `${aside}-wal`);
  await removeIfThere(`${path}-shm`);
  await syncFolder(dirname(path));
  await Deno.rename(fresh, path);
  await removeNew(path);
  await syncFolder(dirname(path));
}

/** Removes the oldest of those that were set aside, when they are too many; gives their names. */
export async function removeOldest(path: string, newest: string): Promise<string[]> {
  const others = (await setAsideDatabases(path)).filter((each) => each !== newest);
  const excess = others.slice(0, Math.max(0, others.length + 1 - MAX_SET_ASIDE));
  for (const each of excess) {
    for (const suffix of ["", "-wal", "-shm"]) await removeIfThere(each + suffix);
  }
  return excess.map((each) => basename(each));
}

/** Removes what is left of a new database. */
export async function removeNew(path: string): Promise<void> {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) await removeIfThere(pathOfNew(path) + suffix);
}

/** Where the database is set aside whose place a new one takes; undefined when the new one is not whole. */
function asideOf(fresh: string): string | undefined {
  try {
    using db = openReadOnly(fresh);
    const file = lastSetAside(db);
    return file === undefined ? undefined : join(dirname(fresh), file);
  } catch (error) {
    if (error instanceof SallyportError || isDatabaseError(error)) return undefined;
    throw error;
  }
}

/** Whether two names are names of one file. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  if (!await exists(one) || !await exists(other)) return false;
  const [a, b] = [await Deno.lstat(one), await Deno.lstat(other)];
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size;
}
