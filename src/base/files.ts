import { dirname } from "@std/path";
import { isoTime } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { isDiskFull, messageOf, SallyportError } from "./errors.ts";

/** How a file is to be written. */
export interface WriteOptions {
  /** Permission bits of the new file. Default: 0o600. */
  mode?: number;
}

/**
 * Writes a whole file so that a crash at any moment leaves either the old content or the new: a temporary
 * file in the same folder, fsync, rename, fsync of the folder.
 *
 * @throws {SallyportError} `disk.full` when there is no room; the old file is then untouched.
 */
export async function writeAtomic(
  path: string,
  content: Uint8Array | string,
  options: WriteOptions = {},
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: options.mode ?? 0o600 });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    if (!isDiskFull(cause)) throw cause;
    throw new SallyportError("disk.full", `${path} cannot be written: no space is left on its file system`, {
      cause,
      retryable: true,
      remedy: "Free some room on the file system; the old file is untouched.",
    });
  }
  await syncFolder(dirname(path));
}

/** Makes the entries of a folder (created, renamed, removed files) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return; // folders cannot be opened there; NTFS journals its entries
  using folder = await Deno.open(path);
  await folder.sync();
}

/** The file's text, or undefined when there is no such file. Any other failure throws. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether something stands at this path. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Moves what cannot be read out of the way, beside itself and under a name that tells when, so that a person
 * can still look at it. Returns the new path.
 */
export async function setAside(path: string, clock: Clock): Promise<string> {
  const target = unreadablePath(path, clock);
  await Deno.rename(path, target);
  return target;
}

/** What stands between the name of something unreadable and the time at which it was set aside. */
export const UNREADABLE = ".unreadable-";

/** The name under which something is set aside now. */
export function unreadablePath(path: string, clock: Clock): string {
  return `${path}${UNREADABLE}${isoTime(clock.now()).replaceAll(/[:.]/g, "-")}`;
}

/** Removes a file, if it is there. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A text that changes whenever a file may have: also when another was put in its place, or it was taken away. */
export function fingerprintOf(path: string): string {
  try {
    const { ino, size, mtime, ctime } = Deno.statSync(path);
    return [ino, size, mtime?.getTime(), ctime?.getTime()].join(":");
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "" : messageOf(error);
  }
}
