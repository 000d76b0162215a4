import { concat } from "@std/bytes/concat";

/** What is read at once, and the longest line: a longer one is passed over in bounded memory. */
const CHUNK_BYTES = 64 * 1024;
const MAX_LINE_BYTES = 64 * 1024;

const decoder = new TextDecoder();

/** One line, and its bytes with its end. */
export interface Line {
  /** Undefined when it is longer than any line of ours. */
  text: string | undefined;
  bytes: number;
}

/** The lines of a file that may still grow. */
export class LineReader implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  /** The beginning of a line whose end has not been read. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** The bytes of a last line that has no end yet. */
  get unfinishedBytes(): number {
    return this.#begunBytes;
  }

  /** The lines up to the present end of the file, in groups; a further call goes on with what came since. */
  async *lines(): AsyncGenerator<Line[]> {
    for (;;) {
      const length = await this.#file.read(this.#chunk);
      if (length === null) return;
      yield this.#split(this.#chunk.subarray(0, length));
    }
  }

  #split(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      this.#begin(chunk.subarray(from, end + 1));
      lines.push({ text: this.#text(), bytes: this.#begunBytes });
      this.#begun = [];
      this.#begunBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) this.#begin(chunk.slice(from));
    return lines;
  }

  #begin(bytes: Uint8Array): void {
    this.#begunBytes += bytes.length;
    if (this.#begunBytes <= MAX_LINE_BYTES) this.#begun.push(bytes);
    else this.#begun = [];
  }

  #text(): string | undefined {
    if (this.#begunBytes > MAX_LINE_BYTES) return undefined;
    const line = this.#begun.length === 1 ? this.#begun[0]! : concat(this.#begun);
    return decoder.decode(line).slice(0, -1);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
