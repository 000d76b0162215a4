import { dirname } from "@std/path";
import * as z from "zod";
import { SallyportError } from "../base/errors.ts";
import { exists, syncFolder } from "../base/files.ts";
import { MAX_PATH_CHARS } from "../base/limits.ts";

/**
 * A folder below `data/`, written with "/" and without ".", ".." or a leading slash. The operator may mount or
 * link directories into `data/`; a process cannot leave it.
 */
export const folderSchema = z.string().min(1).max(MAX_PATH_CHARS).superRefine((path, context) => {
  const problem = folderProblem(path);
  if (problem) context.addIssue({ code: "custom", message: problem });
}).meta({ description: "A folder below data/, such as orders/in" });

function folderProblem(path: string): string | undefined {
  const outside = `"${path}" is outside data/: a process may only name folders below data/`;
  if (/^([/\\]|[A-Za-z]:)/.test(path)) {
    return `${outside}. Write it without the leading "${
      path.match(/^([/\\]|[A-Za-z]:)/)![0]
    }", and let the ` +
      "operator mount or link the directory into data/";
  }
  if (path.includes("\\")) return 'write "/" between folders, not "\\"';
  const parts = path.split("/");
  if (parts.includes("..")) return `${outside}, and ".." leads out of it`;
  if (parts.some((part) => part === "" || part === ".")) return 'write folders as in "orders/in"';
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f]/.test(path)) return "a folder's name cannot hold control characters";
  if (parts[0] === "data" && parts.length > 1) {
    return `"data/" is not written: folders start below it (here: "${parts.slice(1).join("/")}")`;
  }
}

/**
 * Checks that a folder, with the links on its way followed, is not the agent's own: a link in `data/` may lead to
 * any directory that the operator chose, but not to `state/` beside it.
 *
 * @throws {SallyportError} `process.invalid`.
 */
export async function checkFolder(dataFolder: string, path: string): Promise<void> {
  let [home, data, real] = ["", "", ""];
  try {
    home = await Deno.realPath(`${dataFolder}/..`);
    data = await Deno.realPath(dataFolder);
    real = await Deno.realPath(`${dataFolder}/${path}`);
  } catch {
    return; // not there yet; or this engine was given only its folders, and the runtime itself guards the others
  }
  const within = (folder: string) => real === folder || real.startsWith(`${folder}/`);
  if (!within(home) || within(data)) return;
  throw new SallyportError("process.invalid", `the folder data/${path} is a link to ${real}, outside data/`, {
    remedy: "Let the link point to a directory that is not part of the agent's home.",
  });
}

/** Makes a folder where it is missing, so that a power cut does not take it away again with what is in it. */
export async function makeFolder(path: string): Promise<void> {
  if (await exists(path)) return;
  await Deno.mkdir(path, { recursive: true });
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    // An engine that was given only its folders may not open the one above.
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

/** What changes when a file's content may have changed; undefined when there is no regular file. */
export async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const info = await Deno.lstat(path);
    return info.isFile ? identityOf(info) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The identity of a file by its size, its time of change and its inode. */
export function identityOf(info: Deno.FileInfo): string {
  return `${info.size}:${info.mtime?.getTime() ?? 0}:${info.ino ?? 0}`;
}

/** The n-th name to try for a file: `a.csv`, `a-1.csv`, `a-2.csv`, ... */
export function freeName(path: string, n: number): string {
  if (n === 0) return path;
  const slash = path.lastIndexOf("/");
  const dot = path.lastIndexOf(".");
  return dot > slash + 1 ? `${path.slice(0, dot)}-${n}${path.slice(dot)}` : `${path}-${n}`;
}

/** The name of a temporary file of a run: hidden, and told by its run. */
export function temporaryName(runId: string, label: string): string {
  return `.${runId}.${label}.part`;
}

/** Removes the temporary files of a run from a folder below the data folder. */
export async function removeTemporaries(folder: string, runId: string): Promise<void> {
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.name.startsWith(`.${runId}.`)) await Deno.remove(`${folder}/${entry.name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
