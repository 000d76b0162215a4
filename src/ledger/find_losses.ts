import type { Database } from "../base/sqlite.ts";
import { query, queryOne } from "../base/sqlite.ts";
import type { Receipt } from "./entry.ts";
import { GENESIS, receiptHash } from "./entry.ts";
import type { GivenNumbers } from "./losses.ts";
import { LedgerReader } from "./reader.ts";
import type { Break, Losses, Range, Statement } from "./statement.ts";
import { statementIn } from "./statement.ts";

/** What a saved ledger lacks, and the numbers that may have been given. */
export interface Found {
  losses: Losses;
  through: GivenNumbers;
}

/**
 * Looks for what is missing of a ledger that was saved from a damaged database.
 *
 * @param damaged the tables of which rows may be missing
 * @param isEndLost whether transactions at the end are lost, whichever table they changed
 * @param now milliseconds since 1970 UTC
 */
export function findLosses(
  db: Database,
  damaged: ReadonlySet<string>,
  isEndLost: boolean,
  now: number,
): Found {
  const reader = new LedgerReader(db);
  const statements = statementsOf(reader);
  const before = statements.flatMap(({ lost }) => lost ?? []);
  const entries = damaged.has("ledger")
    ? brokenEntries(reader, before.flatMap((lost) => lost.entries))
    : { breaks: [], last: endOfEntries(db) };
  const receipts = damaged.has("ledger_receipts")
    ? brokenReceipts(db, reader, before.flatMap((lost) => lost.receipts))
    : { breaks: [], last: endOfReceipts(db) };
  const through = { entries: entries.last.number, receipts: receipts.last.number };
  if (damaged.has("ledger") || isEndLost) {
    const lost = lostEnd(entries.last, Math.max(reader.highestMentioned(), through.entries), now);
    entries.breaks.push(lost);
    through.entries = lost.next - 1;
  }
  if (damaged.has("ledger_receipts") || isEndLost) {
    const highest = Math.max(through.receipts, ...statements.map(({ receipts }) => receipts.count));
    const lost = lostEnd(receipts.last, highest, now);
    receipts.breaks.push(lost);
    through.receipts = lost.next - 1;
  }
  const kept = (fingerprint: string) => reader.certificate(fingerprint) !== undefined;
  const losses: Losses = {
    entries: entries.breaks,
    receipts: receipts.breaks,
    bodies: damaged.has("ledger_bodies") ? missingBodies(db, statements.at(-1)?.prunedThrough ?? 0) : [],
    signatures: damaged.has("ledger_signatures") ? missingSignatures(db) : [],
    certificates: damaged.has("ledger_certificates")
      ? [...new Set(statements.flatMap(({ certificate, introduces }) => [certificate, ...introduces]))]
        .filter((fingerprint) => !kept(fingerprint))
      : [],
  };
  return { losses, through };
}

/** The end of a chain. */
export interface End {
  number: number;
  hash: string;
}

const BEGINNING: End = { number: 0, hash: GENESIS };

/**
 * The break behind the end of a chain that may have gone further.
 *
 * @param highest the highest number that is known to have been given
 * @param now milliseconds since 1970 UTC, behind which it goes on: no count gets there
 */
export function lostEnd({ number: after, hash }: End, highest: number, now: number): Break {
  return { after, hash, known: highest - after, next: Math.max(highest, now) + 1 };
}

/** The last entry. */
export function endOfEntries(db: Database): End {
  return queryOne<End>(db, "SELECT number, hash FROM ledger ORDER BY number DESC LIMIT 1")() ?? BEGINNING;
}

/** The last receipt. */
export function endOfReceipts(db: Database): End {
  const sql = "SELECT receipt AS number, hash FROM ledger_receipts ORDER BY receipt DESC LIMIT 1";
  return queryOne<End>(db, sql)() ?? BEGINNING;
}

function brokenEntries(reader: LedgerReader, before: readonly Break[]): { breaks: Break[]; last: End } {
  const breaks: Break[] = [];
  let last = BEGINNING;
  for (const { number, previous, hash } of reader.entries()) {
    if (number !== last.number + 1 || previous !== last.hash) breaks.push(breakBetween(last, number, before));
    last = { number, hash };
  }
  return { breaks, last };
}

/** A receipt behind a break cannot be checked by itself, but the next one vouches for it; one alone is taken out. */
function brokenReceipts(
  db: Database,
  reader: LedgerReader,
  before: readonly Break[],
): { breaks: Break[]; last: End } {
  const remove = db.prepare("DELETE FROM ledger_receipts WHERE receipt = ?");
  const breaks: Break[] = [];
  let last = BEGINNING;
  let doubtful: Receipt | undefined;
  const follows = (receipt: Receipt, { number, hash }: End) =>
    receipt.receipt === number + 1 && receipt.hash === receiptHash(receipt, hash);
  for (const receipt of reader.receipts()) {
    if (doubtful && follows(receipt, { number: doubtful.receipt, hash: doubtful.hash })) {
      breaks.push(breakBetween(last, doubtful.receipt, before));
      doubtful = undefined;
    } else if (!follows(receipt, last)) {
      if (doubtful) remove.run(doubtful.receipt);
      doubtful = receipt;
      continue;
    }
    last = { number: receipt.receipt, hash: receipt.hash };
  }
  if (doubtful) remove.run(doubtful.receipt);
  return { breaks, last };
}

/** @param before breaks that were stated before: numbers were left out at them */
function breakBetween({ number: after, hash }: End, next: number, before: readonly Break[]): Break {
  const within = new Map(before.map((each) => [each.after, each])).values()
    .filter((each) => after <= each.after && each.next <= next);
  const leftOut = within.reduce((sum, each) => sum + each.next - each.after - 1 - each.known, 0);
  return { after, hash, known: next - after - 1 - leftOut, next };
}

function missingBodies(db: Database, prunedThrough: number): Range[] {
  return rangesOf(
    query<{ number: number }>(
      db,
      `SELECT number FROM ledger WHERE (kind <> 'payload' OR number > ?)
         AND number NOT IN (SELECT number FROM ledger_bodies) ORDER BY number`,
    )(prunedThrough),
  );
}

function missingSignatures(db: Database): Range[] {
  return rangesOf(
    query<{ number: number }>(
      db,
      `SELECT number FROM ledger WHERE kind = 'checkpoint'
         AND number NOT IN (SELECT number FROM ledger_signatures) ORDER BY number`,
    )(),
  );
}

function rangesOf(rows: readonly { number: number }[]): Range[] {
  const ranges: Range[] = [];
  for (const { number } of rows) {
    const current = ranges.at(-1);
    if (current?.[1] === number - 1) current[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

function statementsOf(reader: LedgerReader): Statement[] {
  return [...reader.checkpoints(0)].flatMap(({ body }) => statementIn(body) ?? []);
}
