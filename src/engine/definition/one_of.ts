import * as z from "zod";
import { NEEDS_ONE } from "../../base/yaml/problems.ts";

/**
 * An object with exactly one of the given keys, such as a step. Unlike a union it tells precisely what is wrong
 * inside the key that was used.
 */
export function oneOf<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  const optional = Object.fromEntries(
    Object.entries(shape).map(([key, schema]) => [key, z.optional(schema as z.ZodType)]),
  ) as { [K in keyof Shape]: z.ZodOptional<z.ZodType<z.output<Shape[K]>>> };
  const names = Object.keys(shape).join(", ");
  return z.strictObject(optional).superRefine((value, context) => {
    const used = Object.keys(value).filter((key) => key in shape);
    if (used.length === 1) return;
    const message = used.length === 0
      ? `${NEEDS_ONE}${names}`
      : `takes one of ${names}; here are ${used.length}: ${used.join(", ")}`;
    context.addIssue({ code: "custom", message });
  }).meta({ description, minProperties: 1, maxProperties: 1 });
}

/** The one key that is there, with its value. */
export function theOne(value: Record<string, unknown>): [string, unknown] {
  const entry = Object.entries(value).find(([, inner]) => inner !== undefined);
  if (!entry) throw new TypeError("oneOf let an empty object through");
  return entry;
}
