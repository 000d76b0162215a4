import { utf8 } from "../base/encoding.ts";
import { isDiskFull, SallyportError } from "../base/errors.ts";
import { exists, syncFolder } from "../base/files.ts";
import { freeName, makeFolder } from "./paths.ts";

/**
 * A file being written under a temporary name in the folder that it is for. It gets its own name only when the run
 * is committed, from the journal.
 */
export class OutputFile {
  bytes = 0;
  documents = 0;
  readonly #file: Deno.FsFile;
  readonly #path: string;
  #open = true;

  private constructor(file: Deno.FsFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /**
   * Creates it, and its folder where that is missing.
   *
   * @throws {SallyportError} `sink.unwritable` or `disk.full`.
   */
  static async create(folder: string, temporary: string): Promise<OutputFile> {
    const path = `${folder}/${temporary}`;
    return await describing(folder, async () => {
      await makeFolder(folder);
      return new OutputFile(await Deno.open(path, { write: true, createNew: true, mode: 0o640 }), path);
    });
  }

  /** Appends text. @throws {SallyportError} `sink.unwritable` or `disk.full`. */
  async write(text: string): Promise<void> {
    const bytes = utf8(text);
    await describing(this.#path, async () => {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    });
    this.bytes += bytes.length;
  }

  /** Goes back to an earlier length. */
  async truncate(bytes: number, documents: number): Promise<void> {
    await this.#file.truncate(bytes);
    await this.#file.seek(bytes, Deno.SeekMode.Start);
    this.bytes = bytes;
    this.documents = documents;
  }

  /** Makes what was written survive a power cut. @throws {SallyportError} `sink.unwritable` or `disk.full`. */
  async finish(): Promise<void> {
    if (!this.#open) return;
    await describing(this.#path, () => this.#file.sync());
    this.#close();
  }

  /** Removes it; never throws. */
  async remove(): Promise<void> {
    this.#close();
    await Deno.remove(this.#path).catch(() => {});
  }

  #close(): void {
    if (this.#open) this.#file.close();
    this.#open = false;
  }
}

/**
 * Makes the temporary names in a folder durable. Call it before a run is decided: afterwards a temporary file that
 * is not there counts as one that was already published.
 */
export async function finishFolder(folder: string): Promise<void> {
  await describing(folder, () => syncFolder(folder));
}

/** A name for a new file in a folder that is neither taken there nor in `taken`, to which it is added. */
export async function chooseName(folder: string, name: string, taken: Set<string>): Promise<string> {
  for (let n = 0;; n++) {
    const candidate = freeName(name, n);
    if (taken.has(candidate) || await exists(`${folder}/${candidate}`)) continue;
    taken.add(candidate);
    return candidate;
  }
}

async function describing<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (isDiskFull(cause)) {
      throw new SallyportError(
        "disk.full",
        `${path} cannot be written: no space is left on its file system`,
        {
          cause,
          retryable: true,
          remedy: "Free some room. The inputs are untouched and will be read again.",
        },
      );
    }
    throw new SallyportError("sink.unwritable", `${path} cannot be written`, {
      cause,
      retryable: true,
      remedy: "Check the folder's owner and mode. The inputs are untouched and will be read again.",
    });
  }
}
