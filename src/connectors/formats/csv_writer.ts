import * as z from "zod";
import { DocumentFailure } from "../../engine/batch.ts";
import type { Document } from "../../engine/batch.ts";
import type { DocumentWriter, WriteFormat } from "./format.ts";

const options = {
  delimiter: z.string().length(1).default(","),
  columns: z.array(z.string().min(1)).min(1).max(10_000).optional().meta({
    description: "The columns in their order. Default: the fields of the first document",
  }),
};

type CsvOptions = z.output<z.ZodObject<typeof options>>;

/**
 * CSV as in RFC 4180 with a header and LF line ends. A field that is absent or null is an empty cell, a nested value
 * is JSON. A document with a field that no column is for fails: nothing is dropped silently.
 */
export const csvWriter: WriteFormat<CsvOptions> = {
  name: "csv",
  options,
  writer: ({ delimiter, columns }) => new CsvWriter(delimiter, columns),
};

class CsvWriter implements DocumentWriter {
  readonly #delimiter: string;
  readonly #special: RegExp;
  #columns: readonly string[] | undefined;
  #known: Set<string>;

  constructor(delimiter: string, columns: readonly string[] | undefined) {
    this.#delimiter = delimiter;
    this.#special = new RegExp(`["\r\n${delimiter.replace(/[\\\]^-]/, "\\$&")}]`);
    this.#columns = columns;
    this.#known = new Set(columns);
  }

  begin(): string {
    return this.#columns ? this.#header(this.#columns) : "";
  }

  write(documents: readonly Document[], fail: (index: number, failure: DocumentFailure) => void): string {
    let text = "";
    for (let i = 0; i < documents.length; i++) {
      const document = documents[i]!;
      const fields = Object.keys(document);
      if (!this.#columns) {
        if (fields.length === 0) {
          fail(i, new DocumentFailure("document.rejected", "has no fields to make columns of"));
          continue;
        }
        this.#columns = fields;
        this.#known = new Set(fields);
        text += this.#header(fields);
      }
      const stranger = fields.find((field) => !this.#known.has(field) && document[field] !== undefined);
      if (stranger !== undefined) {
        const said = (field: string) => `has ${field} that is not among the columns of the file`;
        fail(i, new DocumentFailure("document.rejected", said(`a field "${stranger}"`), said("a field")));
        continue;
      }
      const row = this.#columns.map((column) => this.#cell(document[column])).join(this.#delimiter);
      // A single empty cell would be an empty line, which is no row.
      text += (row === "" ? '""' : row) + "\n";
    }
    return text;
  }

  end(): string {
    return "";
  }

  state(): unknown {
    return this.#columns;
  }

  restore(state: unknown): void {
    this.#columns = state as readonly string[] | undefined;
    this.#known = new Set(this.#columns);
  }

  #header(columns: readonly string[]): string {
    return columns.map((column) => this.#cell(column)).join(this.#delimiter) + "\n";
  }

  #cell(value: unknown): string {
    if (value === undefined || value === null) return "";
    const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
    return this.#special.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
  }
}
