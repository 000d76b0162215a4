import { DocumentFailure, mapBatch } from "../batch.ts";
import type { Document } from "../batch.ts";
import { oneOf } from "../definition/one_of.ts";
import { compileExpression, expressionSchema } from "../expression.ts";
import { applyExpression } from "./expressions.ts";
import { compileFieldTable, fieldTableSchema } from "./field_table.ts";
import type { FieldTable } from "./field_table.ts";
import type { StepKind } from "./step.ts";

interface Config {
  fields?: FieldTable | undefined;
  jsonata?: string | undefined;
}

/** `map: { fields: ... }` builds each document anew from a table of fields; `map: { jsonata: ... }` by expression. */
export const map: StepKind<Config> = {
  name: "map",
  schema: oneOf({ fields: fieldTableSchema, jsonata: expressionSchema }, "Makes a new document of each"),
  plan(config, field) {
    if (config.fields !== undefined) {
      const change = compileFieldTable(config.fields);
      return { field, start: () => ({ apply: (batch, fail) => mapBatch(batch, change, fail) }) };
    }
    const expression = compileExpression(config.jsonata!);
    const change = async (document: Document) => {
      const result = await expression(document);
      if (result instanceof DocumentFailure) return result;
      if (typeof result === "object" && result !== null && !Array.isArray(result)) return result as Document;
      return new DocumentFailure("document.rejected", "the expression did not give an object");
    };
    return { field, start: () => ({ apply: (batch, fail) => applyExpression(batch, fail, change) }) };
  },
};
