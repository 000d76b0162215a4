import type { Batch, Document } from "../../src/engine/batch.ts";
import { READ_FORMATS } from "../../src/connectors/formats/mod.ts";

/** What a reader made of an input. */
export interface ReadResult {
  documents: Document[];
  rows: number[];
  /** `code: message`, with row and line. */
  failures: { row: number; line: number; reason: string; original: string; cut: boolean }[];
  bytes: number;
}

/** Reads text or bytes in chunks of a size, with the options of a format. */
export async function read(
  format: string,
  input: string | Uint8Array,
  options: Record<string, unknown> = {},
  chunkBytes = 64 * 1024,
): Promise<ReadResult> {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  return await gather(readerOf(format, options)(chunksOf(bytes, chunkBytes)));
}

/** The reader of a format, with the defaults of its options. */
export function readerOf(format: string, options: Record<string, unknown> = {}) {
  const { read } = READ_FORMATS.find(({ name }) => name === format)!;
  const defaults = format === "csv" ? { delimiter: ",", quote: '"', header: true, encoding: "utf-8" } : {};
  return (chunks: AsyncIterable<Uint8Array>) => read(chunks, { ...defaults, ...options });
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function gather(batches: AsyncIterable<Batch>): Promise<ReadResult> {
  const result: ReadResult = { documents: [], rows: [], failures: [], bytes: 0 };
  for await (const batch of batches) {
    result.documents.push(...batch.documents);
    result.rows.push(...batch.rows);
    result.bytes += batch.bytes;
    for (const { row, line, failure, original, cut } of batch.unread) {
      result.failures.push({ row, line, reason: `${failure.code}: ${failure.message}`, original, cut });
    }
  }
  return result;
}
