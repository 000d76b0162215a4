import * as z from "zod/mini";
import { closedObject, leaf, wholeNumber } from "../../base/quick_schemas.ts";
import { MAX_DOCUMENTS_PER_RECORD, MAX_TRACKED_CHARS, MAX_TRACKED_FIELDS } from "../../base/limits.ts";
import { count, directory, name, time, uuid } from "./fields.ts";
import { batchOf, gapSchema } from "./stream.ts";

/**
 * Data: the fields of documents that a process tracks, once its owner allows it. Records in a stream (see `stream.ts`),
 * in custom messages `io.sallyport.data/1`.
 */

/** The name of a tracked field: letters, digits, spaces, ".", "_", "-"; a letter first, at most 40. */
export const FIELD_NAME = /^\p{L}[\p{L}\p{N} ._-]{0,39}$/u;

export const DOCUMENT_RESULTS = ["out", "filtered", "failed"] as const;
/** What became of a document, in the words of a run's counts. */
export type DocumentResult = (typeof DOCUMENT_RESULTS)[number];

const isFieldName = (value: unknown) => typeof value === "string" && FIELD_NAME.test(value);
const isFieldValue = (value: unknown) => typeof value === "string" && value.length <= MAX_TRACKED_CHARS;

/** The values by name; a field that a document does not have is left out. */
const fields = leaf<Record<string, string>>(
  `at most ${MAX_TRACKED_FIELDS} texts of at most ${MAX_TRACKED_CHARS} characters by name`,
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= MAX_TRACKED_FIELDS &&
      entries.every(([name, text]) => isFieldName(name) && isFieldValue(text));
  },
);

const trackedDocumentSchema = closedObject({
  /** Its number in the file, from 1. */
  row: wholeNumber(1),
  result: z.enum(DOCUMENT_RESULTS),
  fields,
  /** The names of those of which only the beginning is here. */
  cut: z.optional(
    z.array(leaf<string>("the name of a field", isFieldName)).check(
      z.maxLength(MAX_TRACKED_FIELDS),
    ),
  ),
});
export type TrackedDocument = z.infer<typeof trackedDocumentSchema>;

export const documentsSchema = closedObject({
  kind: z.literal("documents"),
  /** UUID version 7. */
  runId: uuid,
  process: name,
  /** Nothing of it leaves after this, nor is it kept at the platform. */
  until: time,
  /** The file that the documents were read from. */
  file: closedObject({ name, directory }),
  /** Which of the run's files that is, from 1, in the order of reading. */
  fileNumber: wholeNumber(1),
  documents: z.array(trackedDocumentSchema).check(
    z.minLength(1),
    z.maxLength(MAX_DOCUMENTS_PER_RECORD),
  ),
  /** How many documents of the whole run were read beyond those that are tracked. */
  beyond: count,
});
export type Documents = z.infer<typeof documentsSchema>;

export const dataRecordSchema = z.discriminatedUnion("kind", [documentsSchema, gapSchema]);
export type DataRecord = z.infer<typeof dataRecordSchema>;

export const dataBatchSchema = batchOf(dataRecordSchema);
