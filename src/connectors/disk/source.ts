import { globToRegExp } from "@std/path";
import * as z from "zod";
import { SallyportError } from "../../base/errors.ts";
import type { ConnectorContext, Input, Source } from "../../engine/connector.ts";
import type { JournalEntry } from "../../engine/journal.ts";
import { checkFolder, folderSchema, identityOf } from "../../engine/paths.ts";
import { READ_FORMATS } from "../formats/mod.ts";
import { DiskInput } from "./input.ts";

/** What one run takes at most; the next run, which follows at once, takes the others. */
const MAX_INPUTS = 10_000;
/** Each star multiplies the work of matching a name. */
const MAX_STARS = 5;

const globSchema = z.string().min(1).max(200).superRefine((glob, context) => {
  const problem = glob.includes("/")
    ? "matches names in one folder: it cannot hold a /"
    : glob.split("*").length - 1 > MAX_STARS
    ? `takes at most ${MAX_STARS} stars`
    : undefined;
  if (problem) context.addIssue({ code: "custom", message: problem });
}).default("*").meta({ description: "Which names to read, such as *.csv" });

const afterSchema = z.union([
  z.literal("mark"),
  z.literal("delete"),
  z.strictObject({ move: folderSchema }),
]).default("mark").meta({
  description:
    "What happens to a file that was read: mark (it stays, and is remembered), delete, or move to a folder",
});

/** The zod schema of `source: disk:`, with the options of each format. */
export const sourceSchema = z.discriminatedUnion(
  "format",
  READ_FORMATS.map(({ name, options }) =>
    z.strictObject({
      path: folderSchema,
      glob: globSchema,
      format: z.literal(name),
      after: afterSchema,
      ...options,
    })
  ) as unknown as [z.ZodObject<{ path: typeof folderSchema; format: z.ZodLiteral<string> }>],
  { error: () => `needs a format: ${READ_FORMATS.map(({ name }) => name).join(", ")}` },
);

export interface SourceConfig {
  path: string;
  glob: string;
  format: string;
  after: "mark" | "delete" | { move: string };
}

/** Reads the files of a folder. */
export class DiskSource implements Source {
  readonly folders: readonly string[];
  readonly watched: string;
  readonly #config: SourceConfig;
  readonly #matches: RegExp;

  constructor(config: SourceConfig) {
    this.#config = config;
    this.watched = config.path;
    this.folders = typeof config.after === "object" ? [config.path, config.after.move] : [config.path];
    this.#matches = globToRegExp(config.glob, { extended: true, globstar: false });
  }

  async inputs(context: ConnectorContext): Promise<Input[]> {
    const { path, after } = this.#config;
    const folder = `${context.dataFolder}/${path}`;
    for (const used of this.folders) await checkFolder(context.dataFolder, used);
    const names: string[] = [];
    try {
      for await (const entry of Deno.readDir(folder)) {
        // A link dropped into the folder could lead anywhere; only the operator's own links to folders count.
        if (entry.isFile && !entry.name.startsWith(".") && this.#matches.test(entry.name)) {
          names.push(entry.name);
        }
      }
    } catch (cause) {
      const missing = cause instanceof Deno.errors.NotFound;
      throw new SallyportError(
        "source.unreadable",
        missing ? `the folder data/${path} is not there` : `the folder data/${path} cannot be read`,
        { cause, retryable: true, remedy: `Make the folder, or mount or link it there: data/${path}` },
      );
    }
    const inputs: Input[] = [];
    for (const name of names.sort()) {
      const info = await Deno.lstat(`${folder}/${name}`).catch(() => undefined);
      if (!info?.isFile) continue; // gone since
      const identity = identityOf(info);
      if (after === "mark" && context.marks.has(context.process, `${path}/${name}`, identity)) continue;
      inputs.push(this.#input(folder, name, info, context));
      if (inputs.length === MAX_INPUTS) break;
    }
    return inputs;
  }

  #input(folder: string, name: string, info: Deno.FileInfo, { process }: ConnectorContext): Input {
    const format = READ_FORMATS.find(({ name }) => name === this.#config.format)!;
    const path = `${this.#config.path}/${name}`;
    return new DiskInput({
      file: `${folder}/${name}`,
      name,
      directory: `data/${this.#config.path}`,
      info,
      read: (chunks) => format.read(chunks, this.#config),
      settle: (identity, keep, deadLetterFolder) =>
        this.#settle(path, name, process, identity, keep ? deadLetterFolder : undefined),
    });
  }

  #settle(
    path: string,
    name: string,
    process: string,
    identity: string,
    keepIn: string | undefined,
  ): JournalEntry[] {
    const { after } = this.#config;
    if (after === "mark") return [{ do: "mark", path, identity }];
    if (after === "delete" && keepIn === undefined) return [{ do: "delete", path, identity }];
    const target = after === "delete" ? keepIn! : (after as { move: string }).move;
    const temporary = `${target}/.${process}.${name}.moving`;
    return [{ do: "move", from: path, to: `${target}/${name}`, identity, temporary }];
  }
}
