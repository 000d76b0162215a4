import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../../base/encoding.ts";
import { SallyportError } from "../../base/errors.ts";
import { MAX_PAGE_TOKEN_CHARS, MAX_TABLE_PARTS } from "../../base/limits.ts";
import { nameMatcher } from "../../base/name_patterns.ts";
import { SCHEMA_TEXTS, schemaRecordSchema } from "../../protocol/payloads/schema.ts";
import type { SchemaPart, SchemaRecord, SchemaRequest } from "../../protocol/payloads/schema.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery } from "./browser.ts";

const DEFAULT_PAGE_RECORDS = 1_000;

/** A connection, ready to be browsed. */
export interface Browsable {
  name: string;
  browse(query: BrowseQuery, context: BrowseContext): AsyncIterable<BrowsedThing>;
}

export interface PageOptions extends BrowseContext {
  /** Ends it at once, with an error. */
  signal: AbortSignal;
  /** How long one page may take; what was found by then is a page with `cut`. */
  timeLimitMs: number;
}

/**
 * One page of a connection's schema, made only as fast as it is read. Each record fits the closed schema, and the last
 * one is `end`.
 *
 * @throws {SallyportError} `request.invalid` for a page token that is none, `schema.timed-out` when the time was up
 * before anything was found, and what the connection's browser throws.
 */
export async function* browsePage(
  connection: Browsable,
  request: SchemaRequest,
  { signal, timeLimitMs, ...context }: PageOptions,
): AsyncGenerator<SchemaRecord> {
  const after = request.page === undefined ? undefined : readToken(request.page);
  const pageSize = request.pageSize ?? DEFAULT_PAGE_RECORDS;
  const timeUp = new AbortController();
  const cancel = context.clock.after(timeLimitMs, () => timeUp.abort());
  const query: BrowseQuery = {
    after,
    matches: matcher(request.pattern),
    include: new Set(SCHEMA_TEXTS.filter((text) => request.include?.includes(text))),
    signal: AbortSignal.any([signal, timeUp.signal]),
  };
  let records = 0;
  let next: string | undefined;
  const end = (rest: { next?: string; cut?: true }): SchemaRecord => ({ kind: "end", records, ...rest });
  try {
    for await (const { names, parts } of connection.browse(query, context)) {
      // Asked for one more than the page takes: only so is it known whether there is another page.
      if (records >= pageSize && next !== undefined) return yield end({ next });
      for (const part of bounded(parts)) {
        records++;
        yield checked(part);
      }
      next = tokenOf(names) ?? next;
      signal.throwIfAborted();
      if (timeUp.signal.aborted) break;
    }
    signal.throwIfAborted(); // a browser that notices first may just end
  } catch (error) {
    if (signal.aborted || !timeUp.signal.aborted) throw error;
    if (next === undefined) throw tooSlow(connection.name, timeLimitMs, error);
  } finally {
    cancel();
  }
  yield end(timeUp.signal.aborted && next !== undefined ? { next, cut: true } : {});
}

/** A name fits by itself or as a path with dots, whatever the browser; the pattern never reaches what is browsed. */
function matcher(pattern: string | undefined): BrowseQuery["matches"] {
  if (pattern === undefined) return () => true;
  const fits = nameMatcher([pattern.toLowerCase()]);
  return (names) => fits(names.at(-1)!.toLowerCase()) || fits(names.join(".").toLowerCase());
}

/** What describes a thing stands in its first part; that one says when others were left out. */
function bounded(parts: SchemaPart[]): SchemaPart[] {
  if (parts.length <= MAX_TABLE_PARTS) return parts;
  const [first, ...others] = parts.slice(0, MAX_TABLE_PARTS);
  return [{ ...first, problem: "too-many-parts" } as SchemaPart, ...others];
}

/** A defect of a browser must not send what the schema does not know. */
function checked(part: SchemaPart): SchemaRecord {
  const parsed = schemaRecordSchema.safeParse(part);
  if (parsed.success) return parsed.data;
  throw new SallyportError("internal", `a record of kind ${part.kind} does not fit its schema`, {
    cause: parsed.error,
  });
}

/** Undefined when the names are too long for one: a page does not end there. */
function tokenOf(names: readonly string[]): string | undefined {
  const token = toBase64Url(utf8(JSON.stringify(names)));
  return token.length <= MAX_PAGE_TOKEN_CHARS ? token : undefined;
}

function readToken(token: string): string[] {
  try {
    const names: unknown = JSON.parse(fromUtf8(fromBase64Url(token)));
    if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string")) {
      return names;
    }
  } catch {
    // told below
  }
  throw new SallyportError("request.invalid", "the page that was asked for is not one", {
    remedy: "Ask with the text of `next` at the end of the page before, as it stands there.",
  });
}

function tooSlow(connection: string, timeLimitMs: number, cause: unknown): SallyportError {
  return new SallyportError(
    "schema.timed-out",
    `${connection} told nothing of its schema within ${timeLimitMs / 1000} s`,
    {
      cause,
      retryable: true,
      remedy:
        "It may be busy, or hang behind a lock or a firewall: `sallyport connections check` tells more.",
    },
  );
}
