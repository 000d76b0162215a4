import * as z from "zod";
import type { Document } from "../batch.ts";

/**
 * How a definition names a field: `total`, `customer.name` for a field inside a field, or a list of names where
 * one holds a dot: `["unit.price"]`.
 */
export const fieldRefSchema = z.union([z.string().min(1), z.array(z.string()).min(1).max(20)]).meta({
  description: "A field; customer.name is inside customer; a list where a name holds a dot",
});
export type FieldRef = z.output<typeof fieldRefSchema>;

/** The names to follow, outermost first. */
export function fieldPath(ref: FieldRef): string[] {
  return typeof ref === "string" ? ref.split(".") : ref;
}

/** JavaScript that reads a field of the variable `d`; undefined where it is not there. */
export function fieldCode(ref: FieldRef): string {
  return fieldPath(ref).reduce((code, name, depth) => {
    const key = JSON.stringify(name);
    // A field is what the document holds, not what every object inherits.
    if (name in {}) return `own(${code}, ${key})`;
    return depth === 0 ? `${code}[${key}]` : `${code}?.[${key}]`;
  }, "d");
}

/** What generated code calls for names such as "constructor". */
export function own(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Document)[name]
    : undefined;
}

/** A function that reads a field. */
export function fieldReader(ref: FieldRef): (document: Document) => unknown {
  return new Function("own", `"use strict"; return (d) => ${fieldCode(ref)};`)(own);
}
