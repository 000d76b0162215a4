import * as z from "zod";
import { DocumentFailure, mapBatch } from "../batch.ts";
import type { Document } from "../batch.ts";
import { compileExpression, expressionSchema } from "../expression.ts";
import { applyExpression } from "./expressions.ts";
import type { StepKind } from "./step.ts";

const constant = z.json();
const computed = z.strictObject({ jsonata: expressionSchema });

const schema = z.record(
  z.string().min(1),
  z.unknown().transform((value, context) => {
    const isComputed = typeof value === "object" && value !== null && Object.keys(value).join() === "jsonata";
    const parsed = isComputed ? computed.safeParse(value) : constant.safeParse(value);
    if (parsed.success) return value;
    for (const { message, path } of parsed.error.issues) {
      context.addIssue({ code: "custom", message, path: path.map((key) => key as string) });
    }
    return z.NEVER;
  }),
).meta({ description: "Fields to add or replace: constants, or { jsonata: ... }" });

/** `set: { channel: web, total: { jsonata: price * quantity } }`: adds or replaces fields, in their order. */
export const set: StepKind<Record<string, unknown>> = {
  name: "set",
  schema,
  plan(fields, field) {
    const setters = Object.entries(fields).map(([name, value]) => {
      const text = (value as { jsonata?: string } | null)?.jsonata;
      return text === undefined ? { name, value } : { name, compute: compileExpression(text) };
    });
    const constants = Object.fromEntries(setters.map(({ name, value }) => [name, value]));
    const plain = setters.every(({ compute }) => compute === undefined);
    return {
      field,
      start: () => ({
        apply(batch, fail) {
          if (plain) return mapBatch(batch, (document) => ({ ...document, ...constants }), fail);
          return applyExpression(batch, fail, async (document) => {
            let changed: Document = document;
            for (const { name, value, compute } of setters) {
              const result = compute ? await compute(changed) : value;
              if (result instanceof DocumentFailure) return result;
              changed = { ...changed, [name]: result };
            }
            return changed;
          });
        },
      }),
    };
  },
};
