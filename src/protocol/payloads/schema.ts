import * as z from "zod/mini";
import { closedObject, text, wholeNumber } from "../../base/quick_schemas.ts";
import {
  MAX_COMMENT_CHARS,
  MAX_NAME_CHARS,
  MAX_PAGE_TOKEN_CHARS,
  MAX_SCHEMA_NAMES,
  MAX_SCHEMA_PAGE_RECORDS,
} from "../../base/limits.ts";

/**
 * The schema of what a connection leads to: a request for a page of it, and the records of the answer, one JSON object
 * each. Names, types and how they belong together; there is no field in which a row's value could stand. The three
 * texts that people write into a schema (`default`, `comment`, `labels`) are there only if they were asked for and the
 * owner's policy allows it.
 *
 * Every record names its place in `parent`, from the outside in, so that each is understood by itself. A page is
 * whole when it ends with an `end` record.
 */

const name = text(1, MAX_NAME_CHARS);
const place = z.array(name).check(z.maxLength(MAX_SCHEMA_NAMES));
const names = z.array(name).check(z.minLength(1), z.maxLength(MAX_SCHEMA_NAMES));
const type = text(0, MAX_NAME_CHARS);
const comment = z.optional(text(0, MAX_COMMENT_CHARS));
const labels = z.optional(z.array(text(0, MAX_NAME_CHARS)).check(z.maxLength(MAX_SCHEMA_NAMES)));
const defaultText = z.optional(text(0, MAX_COMMENT_CHARS));

/** What may be asked for beside names and types: texts that people wrote, in which anything may stand. */
export const SCHEMA_TEXTS = ["defaults", "comments", "enums"] as const;
export type SchemaText = (typeof SCHEMA_TEXTS)[number];

/** What a page of a connection's schema is asked for with. */
export const schemaRequestSchema = closedObject({
  connection: name,
  /** Only what has this name, or this path of names with dots between them; `*` stands for any characters. */
  pattern: z.optional(text(1, MAX_NAME_CHARS)),
  /** `next` of the page before. */
  page: z.optional(text(1, MAX_PAGE_TOKEN_CHARS)),
  /** A page ends with the first table (file, operation) that brings it to this many records. */
  pageSize: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_SCHEMA_PAGE_RECORDS))),
  include: z.optional(z.array(z.enum(SCHEMA_TEXTS)).check(z.maxLength(SCHEMA_TEXTS.length))),
});
export type SchemaRequest = z.infer<typeof schemaRequestSchema>;

/** Why something is named and not described. */
export const SCHEMA_PROBLEMS = [
  "unreadable", // it cannot be opened, or what it is made of is gone
  "unknown-format", // a file of a kind that is not read
  "not-text", // it is not text in UTF-8
  "malformed", // it is not what its name says
  "line-too-long", // its first line goes on beyond the sample
  "document-type", // XML with a DOCTYPE, which is refused
  "too-many-parts", // what is beyond the bound was left out
] as const;
export type SchemaProblem = (typeof SCHEMA_PROBLEMS)[number];
const problem = z.optional(z.enum(SCHEMA_PROBLEMS));

/** What a value looks like, as far as a sample tells. */
export const VALUE_TYPES = [
  "text",
  "integer",
  "number",
  "boolean",
  "date",
  "time",
  "null",
  "object",
  "array",
] as const;
export type ValueType = (typeof VALUE_TYPES)[number];

const catalog = closedObject({ kind: z.literal("catalog"), name, product: text(0, MAX_NAME_CHARS) });
const schema = closedObject({ kind: z.literal("schema"), parent: place, name, comment });
const table = closedObject({ kind: z.enum(["table", "view"]), parent: place, name, comment, problem });
const column = closedObject({
  kind: z.literal("column"),
  parent: place,
  name,
  /** From 1. */
  position: wholeNumber(1),
  type,
  nullable: z.boolean(),
  /** Computed by the database, or numbered by it. */
  generated: z.optional(z.literal(true)),
  default: defaultText,
  comment,
  labels,
});
const key = closedObject({
  kind: z.literal("key"),
  parent: place,
  name,
  primary: z.boolean(),
  columns: names,
});
const foreignKey = closedObject({
  kind: z.literal("foreign-key"),
  parent: place,
  name,
  columns: names,
  references: closedObject({ table: names, columns: z.array(name).check(z.maxLength(MAX_SCHEMA_NAMES)) }),
});
const index = closedObject({
  kind: z.literal("index"),
  parent: place,
  name,
  unique: z.boolean(),
  /** Null in the place of an expression: it may hold values, and does not leave. */
  columns: z.array(z.nullable(name)).check(z.minLength(1), z.maxLength(MAX_SCHEMA_NAMES)),
  /** It covers some rows only; by which condition does not leave. */
  partial: z.optional(z.literal(true)),
});
const file = closedObject({ kind: z.literal("file"), parent: place, name, format: text(0, 20), problem });
const field = closedObject({
  kind: z.literal("field"),
  parent: place,
  /** From the document inwards; `[]` for the elements of a list, `*` for names that look like values. */
  path: names,
  types: z.array(text(1, MAX_NAME_CHARS)).check(z.maxLength(VALUE_TYPES.length)),
  /** It is not in every document. */
  optional: z.optional(z.literal(true)),
  default: defaultText,
  comment,
  labels,
});
const operation = closedObject({
  kind: z.literal("operation"),
  parent: place,
  /** The method and the path template, such as `GET /orders/{id}`. */
  name,
  comment,
  problem,
});
const parameter = closedObject({
  kind: z.literal("parameter"),
  parent: place,
  name,
  /** `path`, `query`, `header`, `cookie`, `body`, or `response 200`. */
  in: text(1, 40),
  type,
  required: z.boolean(),
  default: defaultText,
  comment,
  labels,
});
/** A type that an API names. */
const model = closedObject({ kind: z.literal("type"), parent: place, name, comment, problem });

/** The last record of every page. */
const end = closedObject({
  kind: z.literal("end"),
  records: wholeNumber(0),
  /** What to ask the next page with; absent when there is no more. */
  next: z.optional(text(1, MAX_PAGE_TOKEN_CHARS)),
  /** The time was up before the page was full. */
  cut: z.optional(z.literal(true)),
});

export const schemaRecordSchema = z.discriminatedUnion("kind", [
  catalog,
  schema,
  table,
  column,
  key,
  foreignKey,
  index,
  file,
  field,
  operation,
  parameter,
  model,
  end,
]);
export type SchemaRecord = z.infer<typeof schemaRecordSchema>;
/** A record that is not the `end` of a page. */
export type SchemaPart = Exclude<SchemaRecord, { kind: "end" }>;
/** A record of one kind. */
export type SchemaPartOf<K extends SchemaPart["kind"]> = Extract<SchemaPart, { kind: K }>;
