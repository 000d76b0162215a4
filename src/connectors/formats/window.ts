import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";
import type { ChunkDecoder } from "./decoder.ts";

/** Bytes that are read at a time. */
export const CHUNK_BYTES = 64 * 1024;

/** The bytes of an input in order; what is given is valid until the next is asked for. */
export type ByteChunks = AsyncIterable<Uint8Array>;

/**
 * The stretch of an input's text that a reader looks at: it grows at its end by reading on, and shrinks at its
 * start as documents are taken out.
 */
export class Window {
  text = "";
  /** Whether the text reaches to the end of the input. */
  ended = false;
  /** Bytes read since the last call of {@linkcode takeBytes}. */
  #bytes = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder: ChunkDecoder;

  constructor(chunks: ByteChunks, decoder: ChunkDecoder) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#decoder = decoder;
  }

  get damaged(): boolean {
    return this.#decoder.damaged;
  }

  /** Drops what was dealt with, and reads at least one more chunk. */
  async advance(consumed: number): Promise<void> {
    this.text = this.text.slice(consumed);
    await this.#read();
  }

  /**
   * Makes the text at least twice as long as what is left of it, so that a document that spans many chunks is not
   * searched anew for each of them; never longer than the largest document by more than a chunk.
   */
  async grow(consumed: number): Promise<void> {
    const left = this.text.slice(consumed);
    const parts = [left];
    const wanted = Math.min(2 * left.length, MAX_DOCUMENT_BYTES + 1);
    this.text = "";
    let length = left.length;
    do {
      await this.#read();
      parts.push(this.text);
      length += this.text.length;
      this.text = "";
    } while (!this.ended && length < wanted);
    this.text = parts.join("");
  }

  takeBytes(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  /** Ends reading early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done) {
      this.text += this.#decoder.end();
      this.ended = true;
    } else {
      this.#bytes += value.length;
      this.text += this.#decoder.decode(value);
    }
  }
}

/** Goes on behind the next line end, holding no more than a chunk. */
export async function skipLine(window: Window): Promise<void> {
  for (;;) {
    await window.advance(window.text.length);
    const newline = window.text.indexOf("\n");
    if (newline >= 0) {
      window.text = window.text.slice(newline + 1);
      return;
    }
    if (window.ended) return;
  }
}
