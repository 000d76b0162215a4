import type { Document } from "../../engine/batch.ts";

/** Makes documents of the cells of rows. */
export interface RowBuilder {
  columns: number;
  make(cells: readonly string[]): Document;
}

/** Beyond this many columns, code written out would be larger than it is worth. */
const MAX_GENERATED = 500;

/** A builder for rows with these column names: written out as code, so that all documents share one shape. */
export function rowBuilder(names: readonly string[]): RowBuilder {
  const columns = names.length;
  if (columns > MAX_GENERATED) {
    return { columns, make: (cells) => Object.fromEntries(names.map((name, i) => [name, cells[i]])) };
  }
  // A literal "__proto__" key would set the prototype; a computed one is a column like any other.
  const members = names.map((name, i) =>
    `${name === "__proto__" ? '["__proto__"]' : JSON.stringify(name)}: c[${i}]`
  );
  return {
    columns,
    make: new Function("c", `"use strict"; return { ${members.join(", ")} };`) as RowBuilder["make"],
  };
}
