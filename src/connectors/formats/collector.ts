import { isDamaged } from "./decoder.ts";
import { DocumentFailure, MAX_ORIGINAL_CHARS } from "../../engine/batch.ts";
import type { Batch, Document, Origin, UnreadDocument } from "../../engine/batch.ts";

/** Gathers what a reader finds in one stretch of text, and makes batches of it. */
export class Collector {
  #row = 0;
  #text = "";
  #starts: number[] = [];
  #ends: number[] = [];
  #lines: number[] = [];
  #documents: Document[] = [];
  #rows: number[] = [];
  #unread: UnreadDocument[] = [];

  /** Begins a stretch; positions given until the next call lie in `text`. */
  begin(text: string): void {
    this.#text = text;
  }

  get size(): number {
    return this.#documents.length + this.#unread.length;
  }

  /** A document that was read; it stands at [start, end) of the text. */
  add(document: Document, start: number, end: number, line: number): void {
    this.#documents.push(document);
    this.#rows.push(++this.#row);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#lines.push(line);
  }

  /** A document that could not be read. `cut` says that the text does not hold the whole of it. */
  fail(failure: DocumentFailure, start: number, end: number, line: number, cut = false): void {
    const original = this.#text.slice(start, cut ? Math.min(end, start + MAX_ORIGINAL_CHARS) : end);
    this.#unread.push({ row: ++this.#row, line, failure, original, cut });
  }

  /** Fails a document when it holds bytes that are not UTF-8. Call it only for input that is damaged. */
  failIfDamaged(start: number, end: number, line: number): boolean {
    if (!isDamaged(this.#text.slice(start, end))) return false;
    const message = "holds bytes that are not UTF-8 (in the original they are shown as \\udc80 to \\udcff)";
    this.fail(new DocumentFailure("document.malformed", message), start, end, line);
    return true;
  }

  /** What was gathered since the last call. */
  take(bytes: number): Batch {
    const [text, starts, ends, lines] = [this.#text, this.#starts, this.#ends, this.#lines];
    const rows = this.#rows;
    const places = new RowIndex(rows.slice());
    const batch: Batch = {
      documents: this.#documents,
      rows,
      unread: this.#unread,
      bytes,
      locate(row): Origin {
        const i = places.find(row);
        return { line: lines[i] ?? 0, original: text.slice(starts[i], ends[i]) };
      },
    };
    this.#starts = [];
    this.#ends = [];
    this.#lines = [];
    this.#documents = [];
    this.#rows = [];
    this.#unread = [];
    return batch;
  }
}

/** Where a row stands among ascending row numbers. */
class RowIndex {
  constructor(readonly rows: readonly number[]) {}

  find(row: number): number {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle]! < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Why a document over the limit fails. */
export function tooLarge(limitBytes: number): DocumentFailure {
  return new DocumentFailure(
    "document.too-large",
    `is larger than ${limitBytes / 1024 / 1024} MiB, the limit of one document`,
  );
}

export function malformed(message: string): DocumentFailure {
  return new DocumentFailure("document.malformed", message);
}
