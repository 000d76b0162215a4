import * as z from "zod";
import { DEFAULT_TRACKED_DOCUMENTS, MAX_TRACKED_DOCUMENTS, MAX_TRACKED_FIELDS } from "../../base/limits.ts";
import { MOMENT_FORM, readMoment } from "../../base/moment.ts";
import { FIELD_NAME } from "../../protocol/payloads/data.ts";
import type { Document } from "../batch.ts";
import { compileExpression, expressionSchema } from "../expression.ts";
import { fieldReader, fieldRefSchema } from "../steps/fields.ts";
import { oneOf } from "./one_of.ts";

/** Which fields of its documents a process tells the platform, if the owner's policy lets it. */
export interface Track {
  /** ISO 8601: beyond it nothing is taken. */
  until: string;
  /** Of how many documents of a run. */
  documents: number;
  fields: readonly TrackedField[];
}

/** A field that is tracked; a promise only where it is computed. */
export interface TrackedField {
  name: string;
  read(document: Document): unknown;
}

const untilSchema = z.string().transform((text, context) => {
  const iso = readMoment(text);
  if (iso !== undefined) return iso;
  context.addIssue({ code: "custom", message: `is "${text}", but needs ${MOMENT_FORM}` });
  return z.NEVER;
}).meta({ description: "The last day: beyond it nothing is taken, and the platform forgets what it has" });

const fieldSchema = z.union([
  z.string().min(1),
  oneOf(
    { from: fieldRefSchema, jsonata: expressionSchema },
    "A field of the document, or what is made of it",
  ),
]);

const fieldsSchema = z.record(
  z.string().regex(FIELD_NAME, "takes up to 40 letters, digits, spaces, '.', '_' and '-', a letter first"),
  fieldSchema,
)
  .refine((fields) => Object.keys(fields).length > 0, { message: "needs at least one field" })
  .refine((fields) => Object.keys(fields).length <= MAX_TRACKED_FIELDS, {
    message: `takes at most ${MAX_TRACKED_FIELDS} fields`,
  }).meta({ description: "What the platform is told, by name: fields of the document as it was read" });

/** `track: { until: 2027-01-31, fields: { order: order_id, total: { jsonata: price * quantity } } }` */
export const trackSchema = z.strictObject({
  until: untilSchema,
  documents: z.int().min(1).max(MAX_TRACKED_DOCUMENTS).default(DEFAULT_TRACKED_DOCUMENTS).meta({
    description: "Of how many documents of a run; the others are counted",
  }),
  fields: fieldsSchema,
}).meta({
  description: "Fields that the platform is told of each document, if the owner's policy allows it",
});

/** Compiles the section. */
export function compileTrack({ until, documents, fields }: z.output<typeof trackSchema>): Track {
  return {
    until,
    documents,
    fields: Object.entries(fields).map(([name, field]) => ({ name, read: readerOf(field) })),
  };
}

function readerOf(field: z.output<typeof fieldSchema>): TrackedField["read"] {
  if (typeof field === "string") return fieldReader(field);
  return field.jsonata === undefined ? fieldReader(field.from!) : compileExpression(field.jsonata);
}
