import * as z from "zod";
import { isoTime } from "../../base/clock.ts";
import { MAX_NAME_CHARS } from "../../base/limits.ts";
import type { TrackedFile } from "../../protocol/payloads/tracking.ts";
import type { Batch, Fail } from "../../engine/batch.ts";
import type { ConnectorContext, Input, Sink, SinkRun } from "../../engine/connector.ts";
import type { JournalEntry } from "../../engine/journal.ts";
import { chooseName, finishFolder, OutputFile } from "../../engine/output_file.ts";
import { checkFolder, folderSchema, temporaryName } from "../../engine/paths.ts";
import type { DocumentWriter, WriteFormat } from "../formats/format.ts";
import { WRITE_FORMATS } from "../formats/mod.ts";

const PLACEHOLDERS = ["source", "run", "date"];

const fileSchema = z.string().min(1).max(MAX_NAME_CHARS).superRefine((file, context) => {
  const unknown = [...file.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!)
    .find((name) => !PLACEHOLDERS.includes(name));
  const problem = /[/\\]/.test(file)
    ? "is a file's name: the folder goes into path"
    : file.startsWith(".")
    ? "cannot start with a dot: such names are Sallyport's temporary files"
    : unknown !== undefined
    ? `there is no {${unknown}}. Known are: {source}, {run}, {date}`
    : undefined;
  if (problem) context.addIssue({ code: "custom", message: problem });
}).meta({
  description: "The file's name. {source}: the input's name without its ending, one output for each input; " +
    "{run}: the run's id; {date}: its day in UTC",
});

/** The zod schema of `sink: disk:`, with the options of each format. */
export const sinkSchema = z.discriminatedUnion(
  "format",
  WRITE_FORMATS.map(({ name, options }) =>
    z.strictObject({
      path: folderSchema,
      file: fileSchema.default(`{source}.${name}`),
      format: z.literal(name),
      ...options,
    })
  ) as unknown as [z.ZodObject<{ path: typeof folderSchema; format: z.ZodLiteral<string> }>],
  { error: () => `needs a format: ${WRITE_FORMATS.map(({ name }) => name).join(", ")}` },
);

export interface SinkConfig {
  path: string;
  file: string;
  format: string;
}

/** Writes files into a folder, each complete or not at all. */
export class DiskSink implements Sink {
  readonly folders: readonly string[];

  constructor(readonly config: SinkConfig) {
    this.folders = [config.path];
  }

  open(run: { id: string; startedAt: number }, context: ConnectorContext): SinkRun {
    return new DiskSinkRun(this.config, run, context);
  }
}

interface Output {
  file: OutputFile;
  temporary: string;
  name: string;
  writer: DocumentWriter;
  /** Where the current input's documents begin, to be able to take them back. */
  from: { bytes: number; documents: number; state: unknown };
}

class DiskSinkRun implements SinkRun {
  readonly #config: SinkConfig;
  readonly #run: { id: string; startedAt: number };
  readonly #context: ConnectorContext;
  readonly #format: WriteFormat;
  readonly #perInput: boolean;
  readonly #folder: string;
  #outputs: Output[] = [];
  #current: Output | undefined;
  #input: Input | undefined;
  #created = 0;

  constructor(config: SinkConfig, run: { id: string; startedAt: number }, context: ConnectorContext) {
    this.#config = config;
    this.#run = run;
    this.#context = context;
    this.#format = WRITE_FORMATS.find(({ name }) => name === config.format)!;
    this.#perInput = config.file.includes("{source}");
    this.#folder = `${context.dataFolder}/${config.path}`;
  }

  async begin(input: Input): Promise<void> {
    await checkFolder(this.#context.dataFolder, this.#config.path);
    this.#input = input;
    if (this.#perInput) this.#current = undefined;
    if (this.#current) this.#current.from = placeOf(this.#current);
  }

  async write(batch: Batch, fail: Fail): Promise<void> {
    if (batch.documents.length === 0) return;
    const output = this.#current ??= await this.#create();
    let failed = 0;
    const text = output.writer.write(batch.documents, (index, failure) => {
      failed++;
      fail(batch.rows[index]!, failure);
    });
    output.file.documents += batch.documents.length - failed;
    await output.file.write(text);
  }

  async end(): Promise<void> {
    if (this.#perInput && this.#current) await complete(this.#current);
  }

  async takeBack(): Promise<void> {
    const output = this.#current;
    if (!output) return;
    if (output.from.documents > 0) {
      await output.file.truncate(output.from.bytes, output.from.documents);
      output.writer.restore(output.from.state);
    } else {
      await output.file.remove();
      this.#outputs = this.#outputs.filter((other) => other !== output);
      this.#current = undefined;
    }
  }

  async prepare(): Promise<{ files: TrackedFile[]; journal: JournalEntry[] }> {
    if (!this.#perInput && this.#current) await complete(this.#current);
    const { path } = this.#config;
    const taken = new Set<string>();
    const files: TrackedFile[] = [];
    const journal: JournalEntry[] = [];
    for (const { file, temporary, name: wanted } of this.#outputs) {
      if (file.documents === 0) {
        await file.remove(); // every document of it failed on the last step of all, the writing
        continue;
      }
      const name = await chooseName(this.#folder, wanted, taken);
      const { bytes, documents } = file;
      journal.push({ do: "publish", from: `${path}/${temporary}`, to: `${path}/${name}` });
      files.push({ role: "sink", name, directory: `data/${path}`, bytes, documents, failed: 0 });
    }
    if (files.length > 0) await finishFolder(this.#folder);
    return { files, journal };
  }

  async abandon(): Promise<void> {
    for (const { file } of this.#outputs) await file.remove();
  }

  async #create(): Promise<Output> {
    const temporary = temporaryName(this.#run.id, `sink-${this.#created++}`);
    const file = await OutputFile.create(this.#folder, temporary);
    const writer = this.#format.writer(this.#config);
    const output: Output = {
      file,
      temporary,
      writer,
      name: this.#name(),
      from: { bytes: 0, documents: 0, state: writer.state() },
    };
    this.#outputs.push(output);
    await file.write(writer.begin());
    return output;
  }

  #name(): string {
    const values: Record<string, string> = {
      source: this.#input!.name.replace(/(?<=.)\.[^.]*$/, ""),
      run: this.#run.id,
      date: isoTime(this.#run.startedAt).slice(0, 10),
    };
    return this.#config.file.replaceAll(/\{(source|run|date)\}/g, (_, key: string) => values[key]!);
  }
}

function placeOf({ file, writer }: Output): Output["from"] {
  return { bytes: file.bytes, documents: file.documents, state: writer.state() };
}

async function complete({ file, writer }: Output): Promise<void> {
  await file.write(writer.end());
  await file.finish();
}
