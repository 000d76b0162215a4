import { SallyportError } from "../../base/errors.ts";
import type { Batch } from "../../engine/batch.ts";
import type { Input } from "../../engine/connector.ts";
import type { JournalEntry } from "../../engine/journal.ts";
import { fileIdentity, identityOf } from "../../engine/paths.ts";
import { CHUNK_BYTES } from "../formats/window.ts";
import type { ByteChunks } from "../formats/window.ts";

interface DiskInputOptions {
  /** The file's path for the operating system. */
  file: string;
  name: string;
  directory: string;
  info: Deno.FileInfo;
  read(chunks: ByteChunks): AsyncIterable<Batch>;
  settle(identity: string, keep: boolean, deadLetterFolder: string): JournalEntry[];
}

/** One file to read. */
export class DiskInput implements Input {
  readonly name: string;
  readonly directory: string;
  readonly bytes: number;
  readonly identity: string;
  readonly #options: DiskInputOptions;
  /** What it was when it was opened, which may be later than when it was listed. */
  #openedAs: string;

  constructor(options: DiskInputOptions) {
    this.#options = options;
    this.name = options.name;
    this.directory = options.directory;
    this.bytes = options.info.size;
    this.identity = this.#openedAs = identityOf(options.info);
  }

  batches(): AsyncIterable<Batch> {
    return this.#options.read(this.#chunks());
  }

  async settle(keep: boolean, deadLetterFolder: string): Promise<JournalEntry[]> {
    const now = await fileIdentity(this.#options.file);
    if (now === undefined) throw this.#vanished();
    if (now !== this.#openedAs) {
      throw new SallyportError("source.unreadable", `${this.#where} changed while it was read`, {
        retryable: true,
        remedy:
          "It is read again by the next run. Let files arrive under another name and rename them when complete.",
      });
    }
    return this.#options.settle(now, keep, deadLetterFolder);
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    try {
      using file = await Deno.open(this.#options.file);
      this.#openedAs = identityOf(await file.stat());
      const buffer = new Uint8Array(CHUNK_BYTES);
      for (let length = await file.read(buffer); length !== null; length = await file.read(buffer)) {
        yield buffer.subarray(0, length);
      }
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) throw this.#vanished();
      throw new SallyportError("source.unreadable", `${this.#where} cannot be read`, {
        cause,
        retryable: true,
        remedy: "Check the file's owner and mode, and the health of its file system.",
      });
    }
  }

  get #where(): string {
    return `${this.directory}/${this.name}`;
  }

  #vanished(): SallyportError {
    return new SallyportError("file.missing", `${this.#where} vanished before it was read to its end`, {
      remedy:
        "Nothing of it was written. Whoever removes files from this folder must leave them to Sallyport.",
    });
  }
}
