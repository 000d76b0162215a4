import * as z from "zod";
import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";
import { DocumentFailure } from "../../engine/batch.ts";
import type { Batch } from "../../engine/batch.ts";
import { Collector, malformed, tooLarge } from "./collector.ts";
import { CsvScanner } from "./csv_scanner.ts";
import { rowBuilder } from "./csv_rows.ts";
import type { RowBuilder } from "./csv_rows.ts";
import { createDecoder, ENCODINGS, isDamaged } from "./decoder.ts";
import type { ReadFormat } from "./format.ts";
import { skipLine, Window } from "./window.ts";
import type { ByteChunks } from "./window.ts";

const single = (what: string) =>
  z.string().refine((text) => text.length === 1 && !/[\r\n\0]/.test(text), {
    message: `needs a single character as the ${what}`,
  });

const options = {
  delimiter: single("delimiter").default(",").meta({ description: 'Default: a comma; "\\t" for tabs' }),
  quote: single("quote").default('"'),
  header: z.union([z.literal(true), z.array(z.string().min(1)).min(1).max(10_000)]).default(true).meta({
    description: "true: the first line names the columns. A list: the names, and every line is a row",
  }),
  encoding: z.enum(ENCODINGS).default("utf-8"),
};

type CsvOptions = z.output<z.ZodObject<typeof options>>;

/**
 * CSV as in RFC 4180, line by line exact: what is wrong with one row fails that row and no other.
 * `docs/processes.md` says how each kind of damage is taken.
 */
export const csvReader: ReadFormat<CsvOptions> = { name: "csv", options, read };

async function* read(chunks: ByteChunks, config: CsvOptions): AsyncGenerator<Batch> {
  const window = new Window(chunks, createDecoder(config.encoding));
  const scanner = new CsvScanner(config.delimiter, config.quote);
  const collector = new Collector();
  let build: RowBuilder | undefined = config.header === true ? undefined : rowBuilder(config.header);
  try {
    await window.advance(0);
    for (;;) {
      let at = 0;
      collector.begin(window.text);
      scanner.use(window.text, window.ended);
      while (at < window.text.length) {
        const line = scanner.line;
        const end = scanner.record(at);
        if (end < 0) break; // the record goes on beyond the window
        const stop = scanner.contentEnd;
        if (stop === at) {
          at = end; // an empty line is no row
          continue;
        }
        if (!build) {
          const names = headerOf(scanner, window.damaged && isDamaged(window.text.slice(at, stop)));
          if (names instanceof DocumentFailure) {
            // Without its columns the file means nothing: all of it is one failed document.
            collector.fail(names, at, stop, line, true);
            return yield collector.take(window.takeBytes());
          }
          build = rowBuilder(names);
        } else if (window.damaged && collector.failIfDamaged(at, stop, line)) {
          // It is counted as failed.
        } else if (scanner.problem) {
          collector.fail(malformed(scanner.problem), at, stop, line);
        } else if (scanner.count !== build.columns) {
          const few = scanner.count < build.columns ? "few" : "many";
          const message = `has too ${few} columns: ${scanner.count} instead of ${build.columns}`;
          collector.fail(malformed(message), at, stop, line);
        } else {
          collector.add(build.make(scanner.cells), at, stop, line);
        }
        at = end;
      }
      const left = window.text.length - at;
      if (left > MAX_DOCUMENT_BYTES) {
        // More than a document may have, and no end yet: it is not an open quote, which ends at its line.
        collector.fail(tooLarge(MAX_DOCUMENT_BYTES), at, window.text.length, scanner.line, true);
        yield collector.take(window.takeBytes());
        await skipLine(window);
        scanner.line++;
        if (!build) return;
        continue;
      }
      if (collector.size > 0 || window.ended) yield collector.take(window.takeBytes());
      if (window.ended) return;
      if (at === 0) await window.grow(0);
      else await window.advance(at);
    }
  } finally {
    await window.close();
  }
}

/** The names of the columns, or why the header is none. */
function headerOf(scanner: CsvScanner, damaged: boolean): string[] | DocumentFailure {
  if (damaged) return malformed("is the header, and holds bytes that are not UTF-8");
  if (scanner.problem) return malformed(`is the header, and ${scanner.problem}`);
  const names = scanner.cells.slice(0, scanner.count).map((name, i) => name.trim() || `column_${i + 1}`);
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice < 0) return names;
  return malformed(
    `is the header, and names columns ${names.indexOf(names[twice]!) + 1} and ${twice + 1} the same`,
  );
}
