import * as z from "zod";
import { DocumentFailure, filterBatch } from "../batch.ts";
import type { Document } from "../batch.ts";
import { compileExpression, expressionSchema } from "../expression.ts";
import { applyExpression } from "./expressions.ts";
import { fieldReader, fieldRefSchema } from "./fields.ts";
import type { StepKind } from "./step.ts";

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const testSchema = z.strictObject({
  field: fieldRefSchema,
  equals: scalar.optional(),
  notEquals: scalar.optional(),
  oneOf: z.array(scalar).min(1).max(1000).optional(),
  moreThan: z.number().optional(),
  atLeast: z.number().optional(),
  lessThan: z.number().optional(),
  atMost: z.number().optional(),
  present: z.boolean().optional().meta({ description: "Whether the field is there and not empty" }),
}).refine((test) => Object.keys(test).length > 1, {
  message:
    "needs a test beside the field: equals, notEquals, oneOf, moreThan, atLeast, lessThan, atMost or present",
}).meta({ description: "Keeps documents that pass every test given" });

type Test = z.output<typeof testSchema>;

/**
 * `filter: "total > 0"` in JSONata, or `filter: { field: quantity, moreThan: 0 }`, which is many times faster.
 * Keeps the documents for which it is true.
 */
export const filter: StepKind<string | Test> = {
  name: "filter",
  schema: z.union([expressionSchema, testSchema]),
  plan(config, field) {
    if (typeof config !== "string") {
      const test = compileTest(config);
      return { field, start: () => ({ apply: (batch, fail) => filterBatch(batch, test, fail) }) };
    }
    const expression = compileExpression(config);
    const keep = async (document: Document) => {
      const verdict = await expression(document);
      if (verdict instanceof DocumentFailure) return verdict;
      if (typeof verdict === "boolean") return verdict ? document : undefined;
      if (verdict === undefined) return undefined;
      return new DocumentFailure("document.rejected", "the filter gave something other than true or false");
    };
    return { field, start: () => ({ apply: (batch, fail) => applyExpression(batch, fail, keep) }) };
  },
};

type Scalar = z.output<typeof scalar>;

function compileTest(config: Test): (document: Document) => boolean {
  const read = fieldReader(config.field);
  const tests: ((value: unknown) => boolean)[] = [];
  const { equals, notEquals, oneOf, moreThan, atLeast, lessThan, atMost, present } = config;
  if (equals !== undefined) tests.push((value) => same(value, equals));
  if (notEquals !== undefined) tests.push((value) => !same(value, notEquals));
  if (oneOf !== undefined) tests.push((value) => oneOf.some((wanted) => same(value, wanted)));
  if (moreThan !== undefined) tests.push((value) => asNumber(value) > moreThan);
  if (atLeast !== undefined) tests.push((value) => asNumber(value) >= atLeast);
  if (lessThan !== undefined) tests.push((value) => asNumber(value) < lessThan);
  if (atMost !== undefined) tests.push((value) => asNumber(value) <= atMost);
  if (present !== undefined) {
    tests.push((value) => (value !== undefined && value !== null && value !== "") === present);
  }
  if (tests.length === 1) {
    const [only] = tests;
    return (document) => only!(read(document));
  }
  return (document) => {
    const value = read(document);
    return tests.every((test) => test(value));
  };
}

/** Cells of CSV are text: they equal a number when they read as that number. */
function same(value: unknown, wanted: Scalar): boolean {
  if (value === wanted) return true;
  return typeof wanted === "number" && typeof value === "string" && asNumber(value) === wanted;
}

/** NaN, for which every comparison is false, when it is not a number. */
function asNumber(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
}
