import { basename, dirname, join } from "@std/path";
import { exists, removeIfThere, syncFolder, UNREADABLE } from "../../base/files.ts";

/** The new database while it is made; it takes its place only when it is whole. */
export function pathOfNew(path: string): string {
  return `${path}.new`;
}

/** The databases that were set aside beside this one. */
export async function setAsideDatabases(path: string): Promise<string[]> {
  const begin = `${basename(path)}${UNREADABLE}`;
  const names = (await Array.fromAsync(Deno.readDir(dirname(path)))).map(({ name }) => name);
  return names.filter((name) => name.startsWith(begin) && !/-(wal|shm)$/.test(name)).sort()
    .map((name) => join(dirname(path), name));
}

/**
 * Sets a damaged database aside and puts the new one, which is whole and closed, in its place. Killed in between,
 * {@linkcode finishSwap} does the rest.
 */
export async function swap(path: string, aside: string): Promise<void> {
  await Deno.rename(path, aside);
  await finishSwap(path);
}

/** Brings a swap to its end that was cut off, and throws away a new database that was cut off before. */
export async function finishSwap(path: string): Promise<void> {
  if (await exists(path)) return await removeNew(path);
  const aside = (await setAsideDatabases(path)).at(-1);
  if (aside === undefined || !await exists(pathOfNew(path))) return;
  // With a log that is not its own, the new one would be damaged, too.
  if (await exists(`${path}-wal`)) await Deno.rename(`${path}-wal`, `${aside}-wal`);
  await removeIfThere(`${path}-shm`);
  await Deno.rename(pathOfNew(path), path);
  await syncFolder(dirname(path));
}

/** Removes what is left of a new database. */
export async function removeNew(path: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) await removeIfThere(pathOfNew(path) + suffix);
}
