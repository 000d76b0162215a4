import { utf8Length } from "../../base/encoding.ts";
import type { RunLogFiles } from "./files.ts";
import { noLevels, parseLine } from "./records.ts";
import type { LogHeader, Snapshot } from "./records.ts";
import { SNAPSHOT_BYTES } from "./run_log.ts";

/** Where the last snapshot must be: behind it stand messages of no more than so many bytes. */
const TAIL_BYTES = 2 * SNAPSHOT_BYTES;
const HEADER_BYTES = 1024;

/** How far a log is, from the end of its file; undefined when nothing of it is there. */
export async function stateOf(
  { current }: Pick<RunLogFiles, "current">,
): Promise<{ snapshot: Snapshot; segment: number } | undefined> {
  const file = await openIfThere(current);
  if (!file) return undefined;
  using open = file;
  const header = await headerOf(open);
  if (!header) return undefined;
  const { size } = await open.stat();
  const lines = (await readAt(open, Math.max(0, size - TAIL_BYTES), TAIL_BYTES)).split("\n").slice(0, -1);
  const from = lines.findLastIndex((line) => line.startsWith('{"kind":"snapshot"'));
  const found = from < 0 ? undefined : parseLine(lines[from]!);
  const snapshot: Snapshot = found?.kind === "snapshot" ? found : {
    kind: "snapshot",
    records: header.recordsBefore,
    bytes: header.bytesBefore,
    levels: noLevels(),
    steps: [],
  };
  for (const text of lines.slice(from + 1)) {
    const line = parseLine(text);
    if (line?.kind === "gap") {
      snapshot.records += line.records;
      snapshot.bytes += line.bytes;
    } else if (line?.kind === "message") {
      snapshot.levels[line.level]++;
      snapshot.records++;
      snapshot.bytes += utf8Length(text) + 1;
    }
  }
  return { snapshot, segment: header.segment };
}

/** The first line of a log file; undefined when it is not whole. */
export async function headerOf(file: Deno.FsFile): Promise<LogHeader | undefined> {
  const line = parseLine((await readAt(file, 0, HEADER_BYTES)).split("\n")[0]!);
  return line?.kind === "log" ? line : undefined;
}

/** The file, open for reading, or undefined when there is none. */
export async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function readAt(file: Deno.FsFile, from: number, length: number): Promise<string> {
  const bytes = new Uint8Array(length);
  await file.seek(from, Deno.SeekMode.Start);
  let at = 0;
  for (;;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null || read === 0) break;
    at += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, at));
}
