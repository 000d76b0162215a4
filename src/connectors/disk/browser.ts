import * as z from "zod";
import { SallyportError } from "../../base/errors.ts";
import { MAX_SAMPLE_BYTES } from "../../base/limits.ts";
import { checkFolder, folderSchema } from "../../engine/paths.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery, BrowserKind } from "../browse/browser.ts";
import { isBehind, nameOf, namesOf } from "../browse/parts.ts";
import type { Sample } from "../describe/describer.ts";
import { fieldRecords } from "../describe/fields.ts";
import { describerOf } from "../describe/mod.ts";

const configSchema = z.strictObject({
  path: folderSchema,
  header: z.boolean().optional().meta({
    description: "Whether the first line of CSV names the columns. Default: if it looks like names",
  }),
  delimiter: z.string().length(1).optional().meta({ description: "Of CSV. Default: the likeliest" }),
});
type DiskConfig = z.output<typeof configSchema>;

/** Folders within folders. */
const MAX_DEPTH = 16;

/** The files of a folder below `data/` and of the folders in it: their fields, told from the beginning of each. */
export const diskBrowser: BrowserKind<DiskConfig> = {
  name: "disk",
  configSchema,
  needs: ({ path }) => ({ hosts: [], paths: [path] }),
  async *browse(config, query, { dataFolder }: BrowseContext): AsyncGenerator<BrowsedThing> {
    await checkFolder(dataFolder, config.path);
    yield* browseFolder(`${dataFolder}/${config.path}`, [], config, query);
  },
};

async function* browseFolder(
  folder: string,
  place: readonly string[],
  config: DiskConfig,
  query: BrowseQuery,
): AsyncGenerator<BrowsedThing> {
  for (const { name, isDirectory } of await entriesOf(folder, config.path)) {
    if (query.signal.aborted) return;
    const names = [...place, name];
    if (isDirectory && place.length < MAX_DEPTH) {
      if (isBehind([...names, MAX_NAME], query.after)) {
        yield* browseFolder(`${folder}/${name}`, names, config, query);
      }
    } else if (!isDirectory && isBehind(names, query.after) && query.matches(names)) {
      yield await describe(`${folder}/${name}`, names, config);
    }
  }
}

/** Comes behind every name. */
const MAX_NAME = "\u{10ffff}";

/** Files and folders in a steady order. Links are passed over: one dropped into the folder could lead anywhere. */
async function entriesOf(folder: string, path: string): Promise<Deno.DirEntry[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries
      .filter(({ name, isSymlink }) => !isSymlink && !name.startsWith("."))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (cause) {
    throw new SallyportError("schema.unreadable", `the folder data/${path} cannot be read`, {
      cause,
      remedy: `Make the folder, or mount or link it there: data/${path}`,
    });
  }
}

async function describe(file: string, names: string[], config: DiskConfig): Promise<BrowsedThing> {
  const describer = describerOf(names.at(-1)!);
  const head = {
    kind: "file" as const,
    parent: namesOf(names.slice(0, -1)),
    name: nameOf(names.at(-1)!),
    format: describer?.format ?? "",
  };
  if (!describer) return { names, parts: [{ ...head, problem: "unknown-format" }] };
  const sample = await readSample(file).catch(() => undefined);
  if (!sample) return { names, parts: [{ ...head, problem: "unreadable" }] };
  const { root, problem } = describer.describe(sample, config);
  return { names, parts: [{ ...head, ...problem ? { problem } : {} }, ...fieldRecords(root, names)] };
}

/** The beginning of a file. */
async function readSample(path: string): Promise<Sample> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(MAX_SAMPLE_BYTES + 1);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return { bytes: bytes.subarray(0, Math.min(length, MAX_SAMPLE_BYTES)), cut: length > MAX_SAMPLE_BYTES };
}
