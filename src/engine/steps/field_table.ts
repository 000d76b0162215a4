import * as z from "zod";
import { DocumentFailure } from "../batch.ts";
import type { Document } from "../batch.ts";
import { CONVERSIONS, CONVERT } from "./conversions.ts";
import { fieldCode, fieldPath, fieldRefSchema, own } from "./fields.ts";
import type { FieldRef } from "./fields.ts";

const fieldSchema = z.strictObject({
  from: fieldRefSchema.optional().meta({
    description: "The field to take. Default: the one of the same name",
  }),
  as: z.enum(CONVERSIONS).optional(),
  trim: z.boolean().optional().meta({ description: "Remove white space around text first" }),
  default: z.json().optional().meta({ description: "Taken when the field is absent, null or empty text" }),
  required: z.boolean().optional().meta({
    description: "Fail the document when the field is absent, null or empty",
  }),
  value: z.json().optional().meta({ description: "A constant instead of a field" }),
}).superRefine((field, context) => {
  if (field.value !== undefined && Object.keys(field).length > 1) {
    context.addIssue({ code: "custom", message: "value stands alone: it takes no other key beside it" });
  }
  if (field.required && field.default !== undefined) {
    context.addIssue({ code: "custom", message: "required and default exclude each other" });
  }
});

/** Target fields: the source's name, or a table of how to make it. */
export const fieldTableSchema = z.record(z.string().min(1), z.union([z.string().min(1), fieldSchema]))
  .refine((fields) => Object.keys(fields).length > 0, { message: "needs at least one field" })
  .refine((fields) => Object.keys(fields).length <= 1000, { message: "takes at most 1000 fields" });
export type FieldTable = z.output<typeof fieldTableSchema>;
type Field = z.output<typeof fieldSchema>;

/**
 * Compiles a field table to one function, written out as code, so that each document is built with one known
 * shape: several times faster than walking the table. Every name and constant goes in through JSON.stringify.
 */
export function compileFieldTable(fields: FieldTable): (document: Document) => Document | DocumentFailure {
  const statements: string[] = [];
  const members: string[] = [];
  for (const [index, [target, given]] of Object.entries(fields).entries()) {
    const field: Field = typeof given === "string" ? { from: given } : given;
    const slot = `v${index}`;
    statements.push(...fieldStatements(slot, target, field));
    members.push(`${JSON.stringify(target)}: ${slot}`);
  }
  const body = `"use strict"; return (d) => { ${statements.join(" ")} return { ${members.join(", ")} }; };`;
  return new Function("own", "convert", "Failure", "missing", body)(own, CONVERT, DocumentFailure, missing);
}

function fieldStatements(slot: string, target: string, field: Field): string[] {
  if (field.value !== undefined) return [`const ${slot} = ${JSON.stringify(field.value)};`];
  const from: FieldRef = field.from ?? [target];
  const name = JSON.stringify(fieldPath(from).join("."));
  const code = [`let ${slot} = ${fieldCode(from)};`];
  if (field.trim) code.push(`if (typeof ${slot} === "string") ${slot} = ${slot}.trim();`);
  const absent = `${slot} === undefined || ${slot} === null || ${slot} === ""`;
  if (field.required) code.push(`if (${absent}) return missing(${name});`);
  const convert = field.as &&
    `${slot} = convert.${field.as}(${slot}, ${name}); if (${slot} instanceof Failure) return ${slot};`;
  if (field.default !== undefined) {
    code.push(`if (${absent}) ${slot} = ${JSON.stringify(field.default)};`);
    if (convert) code.push(`else { ${convert} }`);
  } else if (convert) {
    // Nothing cannot be converted: an empty cell becomes null, an absent field stays absent.
    code.push(
      `if (${absent}) { if (${slot} !== undefined) ${slot} = ${field.as === "text" ? slot : "null"}; }`,
    );
    code.push(`else { ${convert} }`);
  }
  return code;
}

function missing(field: string): DocumentFailure {
  return new DocumentFailure(
    "document.rejected",
    `the field "${field}" is required, but is missing or empty`,
  );
}
