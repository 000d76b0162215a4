import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";
import type { Batch, Document } from "../../engine/batch.ts";
import { Collector, malformed, tooLarge } from "./collector.ts";
import { createDecoder } from "./decoder.ts";
import type { ReadFormat } from "./format.ts";
import { skipLine, Window } from "./window.ts";
import type { ByteChunks } from "./window.ts";

/** One JSON object a line; empty lines are passed over. A line that is not an object fails by itself. */
export const ndjsonReader: ReadFormat<Record<never, never>> = { name: "ndjson", options: {}, read };

async function* read(chunks: ByteChunks): AsyncGenerator<Batch> {
  const window = new Window(chunks, createDecoder("utf-8"));
  const collector = new Collector();
  let line = 1;
  try {
    await window.advance(0);
    for (;;) {
      const text = window.text;
      let at = 0;
      collector.begin(text);
      while (at < text.length) {
        let newline = text.indexOf("\n", at);
        if (newline < 0) {
          if (!window.ended) break;
          newline = text.length;
        }
        const slice = text.slice(at, newline);
        if (newline - at > MAX_DOCUMENT_BYTES) {
          collector.fail(tooLarge(MAX_DOCUMENT_BYTES), at, newline, line, true);
        } else if (slice.trim() !== "" && !(window.damaged && collector.failIfDamaged(at, newline, line))) {
          const document = parseObject(slice);
          if (typeof document === "string") collector.fail(malformed(document), at, newline, line);
          else collector.add(document, at, newline, line);
        }
        at = newline + 1;
        line++;
      }
      if (text.length - at > MAX_DOCUMENT_BYTES) {
        collector.fail(tooLarge(MAX_DOCUMENT_BYTES), at, text.length, line, true);
        yield collector.take(window.takeBytes());
        await skipLine(window);
        line++;
        continue;
      }
      if (collector.size > 0 || window.ended) yield collector.take(window.takeBytes());
      if (window.ended) return;
      if (at === 0) await window.grow(0);
      else await window.advance(at);
    }
  } finally {
    await window.close();
  }
}

/** The object that the text is, or what is wrong with it, without a word of its content. */
export function parseObject(text: string): Document | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "is not JSON";
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Document;
  return "is not a JSON object: a document has fields";
}
