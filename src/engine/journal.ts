import { dirname, join } from "@std/path";
import { SallyportError } from "../base/errors.ts";
import { exists, syncFolder } from "../base/files.ts";
import type { Log } from "../base/log.ts";
import type { Marks } from "./marks.ts";
import { fileIdentity, freeName, makeFolder } from "./paths.ts";

/**
 * What is left to do once a run is decided, kept in its record. Every entry can be performed again after a crash
 * in the middle of it. Paths are relative to the data folder, with "/" between folders.
 */
export type JournalEntry =
  /** Gives a finished temporary file its name, or a numbered one beside it. */
  | { do: "publish"; from: string; to: string }
  /** Moves an input away, if it is still the one that was read. */
  | { do: "move"; from: string; to: string; identity: string; temporary: string }
  | { do: "delete"; path: string; identity: string }
  /** Remembers an input that stays in place. */
  | { do: "mark"; path: string; identity: string };

/**
 * Performs the entries that touch files, in order, and makes the folders durable. Never overwrites a file.
 *
 * @throws {SallyportError} `sink.unwritable` when an entry cannot be performed: try again later.
 */
export async function performJournal(
  entries: readonly JournalEntry[],
  dataFolder: string,
  log: Log,
): Promise<void> {
  const touched = new Set<string>();
  const at = (path: string) => join(dataFolder, path);
  for (const entry of entries) {
    try {
      if (entry.do === "publish") {
        await linkFree(at(entry.from), at(entry.to));
        touched.add(dirname(at(entry.to)));
      } else if (entry.do === "move") {
        if (!await isSame(at(entry.from), entry.identity, log)) continue;
        await moveAway(at(entry.from), at(entry.to), at(entry.temporary));
        touched.add(dirname(at(entry.from))).add(dirname(at(entry.to)));
      } else if (entry.do === "delete") {
        if (!await isSame(at(entry.path), entry.identity, log)) continue;
        await Deno.remove(at(entry.path));
        touched.add(dirname(at(entry.path)));
      }
    } catch (cause) {
      const path = entry.do === "publish" || entry.do === "move" ? entry.to : entry.path;
      throw new SallyportError("sink.unwritable", `the run is complete, but ${path} cannot be put in place`, {
        cause,
        retryable: true,
        remedy: "Check the folder's owner, mode and free room. Sallyport tries again and loses nothing.",
      });
    }
  }
  for (const folder of touched) await syncFolder(folder);
}

/** Applies the entries that are rows: call it inside the transaction that finishes the run. */
export function performMarks(entries: readonly JournalEntry[], process: string, marks: Marks): void {
  for (const entry of entries) if (entry.do === "mark") marks.set(process, entry.path, entry.identity);
}

/** Whether the input is still there and still the file that was read; a newer one is left for the next run. */
async function isSame(path: string, identity: string, log: Log): Promise<boolean> {
  const now = await fileIdentity(path);
  if (now !== undefined && now !== identity) {
    log.warn("an input was replaced while its run was committed; it stays and will be read again", { path });
  }
  return now === identity;
}

/**
 * Gives `from` the name `to`, or `to` with a number when that is taken. A hard link fails where a rename would
 * overwrite; after a crash between the two calls the link is found again by its inode.
 */
async function linkFree(from: string, to: string): Promise<void> {
  const own = await statOrUndefined(from);
  if (!own) return; // done before a crash
  for (let n = 0;; n++) {
    const target = freeName(to, n);
    const there = await statOrUndefined(target);
    if (there && there.ino !== null && there.ino === own.ino && there.dev === own.dev) {
      return await Deno.remove(from);
    }
    if (there) continue;
    try {
      await Deno.link(from, target);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) continue;
      if (isCrossDevice(error)) throw error;
      // A file system without hard links: nothing stood there a moment ago.
      return await Deno.rename(from, target);
    }
    // The new name first: of two folders the later change may reach the disk alone.
    if (dirname(from) !== dirname(target)) await syncFolder(dirname(target));
    return await Deno.remove(from);
  }
}

async function moveAway(from: string, to: string, temporary: string): Promise<void> {
  await makeFolder(dirname(to));
  try {
    return await linkFree(from, to);
  } catch (error) {
    if (!isCrossDevice(error)) throw error;
  }
  // The folders lie on two file systems: copy, publish, and only then remove.
  const before = await Deno.stat(from);
  const done = await statOrUndefined(to);
  if (!(done && done.size === before.size && done.mtime?.getTime() === before.mtime?.getTime())) {
    await Deno.copyFile(from, temporary);
    if (before.mtime) await Deno.utime(temporary, before.mtime, before.mtime);
    using file = await Deno.open(temporary);
    await file.sync();
    await linkFree(temporary, to);
    await syncFolder(dirname(to));
  } else if (await exists(temporary)) {
    await Deno.remove(temporary);
  }
  await Deno.remove(from);
}

function isCrossDevice(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === "EXDEV";
}

async function statOrUndefined(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
