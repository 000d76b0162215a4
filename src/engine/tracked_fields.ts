import { MAX_DOCUMENTS_PER_RECORD, MAX_TRACKED_CHARS, MAX_TRACKED_CHARS_PER_RUN } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Documents, TrackedDocument } from "../protocol/payloads/data.ts";
import type { Batch, Document } from "./batch.ts";
import type { Input } from "./connector.ts";
import type { Track } from "./definition/track.ts";
import { inParts } from "./parts.ts";
import type { RunHead } from "./runs.ts";
import { placeOf } from "./tracking.ts";

/** What the documents of one record may take, as JSON in UTF-8; one document alone is never too large. */
const PART = { items: MAX_DOCUMENTS_PER_RECORD, bytes: 64 * 1024 };

/** The documents of one input, in their order. */
interface InputDocuments {
  file: Documents["file"];
  documents: TrackedDocument[];
}

/** What is taken and what is not. */
interface Count {
  documents: number;
  chars: number;
  /** Documents that were read when no more could be taken. */
  beyond: number;
  /** Fields whose value is no single one, or could not be computed. */
  without: number;
}

export interface TrackingOptions {
  /** Why the fields may not be taken at this moment; undefined when they may. */
  whyNot(): string | undefined;
  /** Takes secrets out of a text. */
  redact(text: string): string;
  log: Log;
}

/** Begins to take the tracked fields of a run, unless they may not be taken: then the log says why. */
export function startTracking(track: Track, options: TrackingOptions): TrackedFields | undefined {
  return isRefused(options) ? undefined : new TrackedFields(track, options);
}

function isRefused({ whyNot, log }: TrackingOptions): boolean {
  const reason = whyNot();
  if (reason !== undefined) log.info("the tracked fields are not taken", { reason });
  return reason !== undefined;
}

/**
 * The tracked fields of one run: the values of its first documents as they were read, without secrets, and what became
 * of each document.
 */
export class TrackedFields {
  readonly #track: Track;
  readonly #options: TrackingOptions;
  #inputs: InputDocuments[] = [];
  #count: Count = { documents: 0, chars: 0, beyond: 0, without: 0 };
  /** As it was when the current input began. */
  #before: Count = this.#count;
  /** Those of the current batch, by their row. */
  readonly #batch = new Map<number, TrackedDocument>();

  constructor(track: Track, options: TrackingOptions) {
    this.#track = track;
    this.#options = options;
  }

  begin(input: Input): void {
    this.#inputs.push({ file: placeOf(input), documents: [] });
    this.#before = { ...this.#count };
  }

  /** Forgets the input that was begun last: it failed as a whole and will be read again. */
  takeBack(): void {
    this.#inputs.pop();
    this.#count = this.#before;
    this.#batch.clear();
  }

  /** Takes the fields of a batch before the steps change it. Gives a promise only when there is something to take. */
  read(batch: Batch): void | Promise<void> {
    if (this.#isFull) this.#count.beyond += batch.documents.length;
    else return this.#take(batch);
  }

  /** A document of the batch has failed. */
  failed(row: number): void {
    const document = this.#batch.get(row);
    if (document) document.result = "failed";
  }

  /** The batch was written: what is neither in it nor failed was filtered out. */
  settle(batch: Batch): void {
    if (this.#batch.size === 0) return;
    for (const row of batch.rows) {
      const document = this.#batch.get(row);
      if (document?.result === "filtered") document.result = "out";
    }
    this.#batch.clear();
  }

  /** The records of the run, unless its fields may not be taken any more. */
  records({ runId, process }: RunHead): Documents[] {
    if (isRefused(this.#options)) return [];
    const { until } = this.#track;
    const { documents, beyond, without } = this.#count;
    if (beyond + without > 0) {
      this.#options.log.warn("not everything that is tracked was taken", {
        documents,
        documentsBeyond: beyond,
        fieldsWithout: without,
      });
    }
    return this.#inputs.flatMap(({ file, documents }, i) =>
      inParts(documents, PART).map((part): Documents => ({
        kind: "documents",
        runId,
        process,
        until,
        file,
        fileNumber: i + 1,
        documents: part,
        beyond,
      }))
    );
  }

  get #isFull(): boolean {
    const { documents, chars } = this.#count;
    return documents >= this.#track.documents || chars >= MAX_TRACKED_CHARS_PER_RUN;
  }

  async #take({ documents, rows }: Batch): Promise<void> {
    for (const [i, document] of documents.entries()) {
      if (this.#isFull) {
        this.#count.beyond += documents.length - i;
        return;
      }
      const row = rows[i]!;
      const taken = await this.#fieldsOf(row, document);
      this.#batch.set(row, taken);
      this.#inputs.at(-1)!.documents.push(taken);
      this.#count.documents++;
    }
  }

  async #fieldsOf(row: number, document: Document): Promise<TrackedDocument> {
    const fields: Record<string, string> = {};
    const cut: string[] = [];
    for (const { name, read } of this.#track.fields) {
      const value = read(document);
      const text = this.#textOf(value instanceof Promise ? await value : value);
      if (text === undefined) continue;
      if (text.length > MAX_TRACKED_CHARS) cut.push(name);
      fields[name] = text.slice(0, MAX_TRACKED_CHARS);
      this.#count.chars += fields[name].length;
    }
    // Whatever is left over when the batch was written has been filtered out.
    return { row, result: "filtered", fields, ...(cut.length > 0 ? { cut } : {}) };
  }

  /** A value as text without secrets; undefined where there is none, or not a single one. */
  #textOf(value: unknown): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return this.#options.redact(value);
    if (typeof value === "number" || typeof value === "boolean") return this.#options.redact(String(value));
    this.#count.without++; // also where an expression failed
    return undefined;
  }
}
