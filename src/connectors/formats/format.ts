import type { z } from "zod";
import type { Batch, Document, DocumentFailure } from "../../engine/batch.ts";
import type { ByteChunks } from "./window.ts";

/** How bytes become documents: one file, and one line in `mod.ts`. */
export interface ReadFormat<Config = unknown> {
  name: string;
  /** Its keys beside `format:`. */
  options: z.ZodRawShape;
  /** Reads one input. What cannot be read fails as a document; it throws only what `chunks` throws. */
  read(chunks: ByteChunks, config: Config): AsyncIterable<Batch>;
}

/** How documents become bytes. */
export interface WriteFormat<Config = unknown> {
  name: string;
  options: z.ZodRawShape;
  /** Begins one output. */
  writer(config: Config): DocumentWriter;
}

export interface DocumentWriter {
  /** Text before the first document. Called once, also when there are no documents. */
  begin(): string;
  /** Documents as text; those that the format cannot carry are given to `fail` by their index. */
  write(documents: readonly Document[], fail: (index: number, failure: DocumentFailure) => void): string;
  /** Text after the last document. */
  end(): string;
  /** For {@linkcode DocumentWriter.restore}: what the writer remembers of the documents so far. */
  state(): unknown;
  /** Goes back to a state, because what was written since was taken back. */
  restore(state: unknown): void;
}
