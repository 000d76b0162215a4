import type { ErrorCode } from "../base/errors.ts";

/** A document on its way through a process: an object as JSON has them. */
export type Document = Record<string, unknown>;

/**
 * Why a document failed. The message names fields and positions, never values: those are the customer's. `told` is
 * what may leave the machine: without the names of fields that the document alone brought.
 */
export class DocumentFailure {
  constructor(
    readonly code: Extract<ErrorCode, `document.${string}`>,
    readonly message: string,
    readonly told = message,
  ) {}
}

/** Where a document stands in its input, and how it stood there. */
export interface Origin {
  /** The line that it starts on, from 1. */
  line: number;
  /** Its text as read; at most {@linkcode MAX_ORIGINAL_CHARS} of a document over the limit. */
  original: string;
}

/** How much of a document that is itself too large, or of an input that cannot be taken apart, is quoted. */
export const MAX_ORIGINAL_CHARS = 4096;

/** A document that a reader could not make anything of. */
export interface UnreadDocument extends Origin {
  /** Its number in the input, from 1. */
  row: number;
  failure: DocumentFailure;
  /** Whether `original` is only the beginning: then the input file itself is what a person must look at. */
  cut: boolean;
}

/**
 * Documents that go through the steps together: one promise a batch, not one a document. Steps change
 * `documents` and `rows` in place and keep them parallel.
 */
export interface Batch {
  documents: Document[];
  /** The number of each document in its input, from 1. */
  rows: number[];
  /** Looks up where a document of this batch came from: for the few that fail. */
  locate(row: number): Origin;
  /** Documents of this stretch that could not be read. */
  unread: readonly UnreadDocument[];
  /** Bytes of the input that were read for this batch. */
  bytes: number;
}

/** Takes a document of the batch out as failed; the step goes on with the others. */
export type Fail = (row: number, failure: DocumentFailure) => void;

/** Replaces the documents of a batch by what `change` makes of each; a failure takes the document out. */
export function mapBatch(
  batch: Batch,
  change: (document: Document) => Document | DocumentFailure,
  fail: Fail,
): void {
  const { documents, rows } = batch;
  let kept = 0;
  for (let i = 0; i < documents.length; i++) {
    const changed = change(documents[i]!);
    if (changed instanceof DocumentFailure) {
      fail(rows[i]!, changed);
      continue;
    }
    documents[kept] = changed;
    rows[kept++] = rows[i]!;
  }
  documents.length = rows.length = kept;
}

/** Keeps the documents of a batch for which `test` is true; a failure takes the document out as failed. */
export function filterBatch(
  batch: Batch,
  test: (document: Document) => boolean | DocumentFailure,
  fail: Fail,
): void {
  const { documents, rows } = batch;
  let kept = 0;
  for (let i = 0; i < documents.length; i++) {
    const verdict = test(documents[i]!);
    if (verdict === false) continue;
    if (verdict !== true) {
      fail(rows[i]!, verdict);
      continue;
    }
    documents[kept] = documents[i]!;
    rows[kept++] = rows[i]!;
  }
  documents.length = rows.length = kept;
}
