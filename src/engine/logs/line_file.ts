import { dirname } from "@std/path";
import { utf8 } from "../../base/encoding.ts";

/** What could not be written. */
export interface LostLines {
  records: number;
  bytes: number;
}

export interface LineFileOptions {
  path: string;
  /** When it would grow beyond `maxBytes`, it becomes this one, whose content goes. Without, it grows. */
  rotation?: { older: string; maxBytes: number };
  /** What a new file begins with. */
  opening?: () => string;
  /** What stands in the place of lines that could not be written. */
  gap?: (lost: LostLines) => string;
}

/**
 * A file of lines that whoever was killed can have torn only at its end, and that never fails its user: what cannot
 * be written is counted, and noted in the file once that is possible again. Each line is handed to the operating
 * system at once, which keeps it when this process ends in whatever way; after a power cut the last may be missing.
 */
export class LineFile {
  readonly #options: LineFileOptions;
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  #unnoted: LostLines = { records: 0, bytes: 0 };
  /** Everything that could not be written, and why the last of it could not. */
  readonly lost: LostLines = { records: 0, bytes: 0 };
  fault: unknown;

  constructor(options: LineFileOptions) {
    this.#options = options;
  }

  /** What of the lost lines no gap in the file stands for yet. */
  get unnoted(): Readonly<LostLines> {
    return this.#unnoted;
  }

  /** Appends whole lines, each with its end, that hold so many records: those whose loss would matter. */
  append(lines: string, records: number): void {
    const bytes = utf8(lines);
    try {
      this.#put(bytes);
    } catch (error) {
      this.fault = error;
      if (records === 0) return;
      for (const lost of [this.lost, this.#unnoted]) {
        lost.records += records;
        lost.bytes += bytes.length;
      }
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #put(bytes: Uint8Array): void {
    const { rotation, gap } = this.#options;
    if (!this.#file) this.#open();
    if (rotation && this.#bytes > 0 && this.#bytes + bytes.length > rotation.maxBytes) {
      this.#rotate(rotation.older);
    }
    if (this.#unnoted.records > 0 && gap) this.#write(utf8(gap(this.#unnoted)));
    this.#unnoted = { records: 0, bytes: 0 };
    this.#write(bytes);
  }

  #rotate(older: string): void {
    Deno.renameSync(this.#options.path, older);
    this.close();
    this.#open();
  }

  #open(): void {
    const { path, opening } = this.#options;
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = this.#file = Deno.openSync(path, { read: true, append: true, create: true, mode: 0o600 });
    try {
      this.#bytes = file.statSync().size;
      // Whoever was here before may have been killed in the middle of a line: ours must not become a part of it.
      if (this.#bytes > 0 && !endsLine(file, this.#bytes)) this.#write(utf8("\n"));
      if (this.#bytes === 0 && opening) this.#write(utf8(opening()));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** All of it or nothing, so that a line that fits again does not follow half of one that did not. */
  #write(bytes: Uint8Array): void {
    const file = this.#file!;
    try {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    } catch (error) {
      try {
        file.truncateSync(this.#bytes);
      } catch {
        this.close(); // the next one to open it ends the torn line
      }
      throw error;
    }
    this.#bytes += bytes.length;
  }
}

function endsLine(file: Deno.FsFile, size: number): boolean {
  const last = new Uint8Array(1);
  file.seekSync(size - 1, Deno.SeekMode.Start);
  file.readSync(last);
  return last[0] === 0x0a;
}
