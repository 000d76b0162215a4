import { MAX_NAME_CHARS } from "../../base/limits.ts";
import { CsvScanner } from "../formats/csv_scanner.ts";
import { createDecoder, isDamaged } from "../formats/decoder.ts";
import type { Described, Describer, Sample } from "./describer.ts";
import { Field, isNameLike } from "./fields.ts";
import { typeOfText } from "./guess.ts";
import { textOf } from "./text.ts";

export interface CsvOptions {
  /** False: there is no header. Undefined: the first line is one if it looks like names. */
  header?: boolean | undefined;
  delimiter?: string | undefined;
}

/** The rows whose cells are looked at. */
const MAX_ROWS = 1_000;
const DELIMITERS = [",", ";", "\t", "|"];

/** CSV: the names of its header, and what the cells below look like. */
export const csvDescriber: Describer<CsvOptions> = {
  format: "csv",
  endings: ["csv", "tsv"],
  describe(sample, { header, delimiter }): Described {
    const root = new Field();
    const text = completeLines(sample);
    if (text === undefined) return { root, problem: "line-too-long" };
    const scanner = new CsvScanner(delimiter ?? likelyDelimiter(text), '"');
    scanner.use(text, true);
    const first = nextRecord(scanner, text, 0);
    if (first === undefined) return { root };
    if (scanner.problem || isDamaged(text.slice(0, first))) return { root, problem: "malformed" };
    const cells = scanner.cells.slice(0, scanner.count);
    const hasHeader = header ?? looksLikeHeader(cells);
    // Numbered names say that there is no header, and so nothing of a row is told as one.
    const columns = cells.map((name, i) => new Column(hasHeader && name.trim() || `column_${i + 1}`));
    if (!hasHeader) take(columns, cells);
    let at: number | undefined = first;
    for (let row = 0; row < MAX_ROWS && at !== undefined; row++) {
      at = nextRecord(scanner, text, at);
      if (at !== undefined && !scanner.problem && scanner.count === columns.length) {
        take(columns, scanner.cells);
      }
    }
    root.objects = Infinity;
    for (const column of columns) root.children.set(column.name, column.toField());
    return { root };
  },
};

/** The text up to the last line end of a sample that is cut; undefined when its first line goes on beyond it. */
function completeLines({ bytes, cut }: Sample): string | undefined {
  const end = cut ? bytes.lastIndexOf(0x0a) : bytes.length;
  if (end < 0) return undefined;
  const whole = bytes.subarray(0, end);
  return textOf({ bytes: whole, cut: false }) ?? createDecoder("windows-1252").decode(whole);
}

/** The place behind the next record that is no empty line. */
function nextRecord(scanner: CsvScanner, text: string, at: number): number | undefined {
  while (at < text.length) {
    const end = scanner.record(at);
    if (scanner.contentEnd > at) return end;
    at = end;
  }
}

function likelyDelimiter(text: string): string {
  const line = text.slice(0, text.indexOf("\n") + 1 || undefined).replace(/"[^"]*"/g, "");
  const count = (delimiter: string) => line.split(delimiter).length;
  return DELIMITERS.reduce((best, other) => count(other) > count(best) ? other : best);
}

/** Names are unlike each other and unlike values; a single doubt is enough to tell none of them. */
function looksLikeHeader(cells: readonly string[]): boolean {
  const names = cells.map((cell) => cell.trim());
  return new Set(names).size === names.length &&
    names.every((name) => name.length <= MAX_NAME_CHARS && isNameLike(name) && typeOfText(name) === "text");
}

function take(columns: readonly Column[], cells: readonly string[]): void {
  for (const [i, column] of columns.entries()) column.take(cells[i]!);
}

class Column {
  readonly name: string;
  readonly #field = new Field(1);
  #empty = 0;

  constructor(name: string) {
    this.name = name;
  }

  take(cell: string): void {
    if (cell.trim() === "") this.#empty++;
    else this.#field.types.add(typeOfText(cell.trim()));
  }

  /** A column in which one cell is text is a column of text. */
  toField(): Field {
    const { types } = this.#field;
    if (types.has("text")) {
      types.clear();
      types.add("text");
    }
    this.#field.present = this.#empty > 0 ? 0 : Infinity;
    return this.#field;
  }
}
