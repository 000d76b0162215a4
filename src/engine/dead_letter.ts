import type { TrackedFile } from "../protocol/payloads/tracking.ts";
import type { DocumentFailure } from "./batch.ts";
import type { JournalEntry } from "./journal.ts";
import { chooseName, finishFolder, OutputFile } from "./output_file.ts";
import { temporaryName } from "./paths.ts";

/** One document that failed, as it stands in the dead letter: one JSON object a line. */
interface DeadDocument {
  reason: { code: string; step: string; message: string };
  /** The input's name, and where in it the document stood. */
  file: string;
  row: number;
  line: number;
  /** The document as it was read; only its beginning when `cut`. */
  original: string;
  cut?: true;
}

interface DeadFile {
  file: OutputFile;
  temporary: string;
  input: string;
}

/** The documents of one run that failed: a file for each input that had any. */
export class DeadLetter {
  #files: DeadFile[] = [];
  #current: DeadFile | undefined;
  #lines: string[] = [];
  #input = "";

  constructor(readonly folder: string, readonly path: string, readonly runId: string) {}

  begin(input: string): void {
    this.#input = input;
    this.#current = undefined;
  }

  /** Notes a failure; it is written with the next {@linkcode flush}. */
  add(
    failure: DocumentFailure,
    place: { step: string; row: number; line: number; original: string; cut?: boolean },
  ): void {
    const { step, row, line, original, cut } = place;
    const dead: DeadDocument = {
      reason: { code: failure.code, step, message: failure.message },
      file: this.#input,
      row,
      line,
      original,
    };
    this.#lines.push(JSON.stringify(cut ? { ...dead, cut } : dead) + "\n");
  }

  /** @throws {SallyportError} `disk.full` or `sink.unwritable`. */
  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    if (!this.#current) {
      const temporary = temporaryName(this.runId, `dead-${this.#files.length}`);
      const file = await OutputFile.create(this.folder, temporary);
      this.#current = { file, temporary, input: this.#input };
      this.#files.push(this.#current);
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#current.file.documents += lines.length;
    await this.#current.file.write(lines.join(""));
  }

  /** Ends the current input's file. */
  async end(): Promise<void> {
    await this.flush();
    await this.#current?.file.finish();
  }

  /** Takes back what stands there of the current input. */
  async takeBack(): Promise<void> {
    this.#lines = [];
    await this.#current?.file.remove();
    this.#files = this.#files.filter((file) => file !== this.#current);
    this.#current = undefined;
  }

  async prepare(): Promise<{ files: TrackedFile[]; journal: JournalEntry[] }> {
    const taken = new Set<string>();
    const files: TrackedFile[] = [];
    const journal: JournalEntry[] = [];
    for (const { file, temporary, input } of this.#files) {
      const name = await chooseName(this.folder, `${input}.ndjson`, taken);
      journal.push({ do: "publish", from: `${this.path}/${temporary}`, to: `${this.path}/${name}` });
      files.push({
        role: "dead-letter",
        name,
        directory: `data/${this.path}`,
        bytes: file.bytes,
        documents: file.documents,
        failed: file.documents,
      });
    }
    if (files.length > 0) await finishFolder(this.folder);
    return { files, journal };
  }

  async abandon(): Promise<void> {
    for (const { file } of this.#files) await file.remove();
  }
}
