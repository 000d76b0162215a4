import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { queryOne, transaction } from "../base/sqlite.ts";
import { endOfEntries, endOfReceipts, lostEnd } from "./find_losses.ts";
import { LossRecord } from "./losses.ts";
import type { Noted } from "./noted.ts";
import type { Losses } from "./statement.ts";
import { migrateLedger } from "./tables.ts";

const NO_LOSSES: Losses = { entries: [], receipts: [], bodies: [], signatures: [], certificates: [] };

/**
 * Compares the ledger with a checkpoint that was kept outside of it. When it is not the one to which that belongs any
 * more, it went back in time: the next checkpoint states so, and no number is given again that was given before.
 * Returns the last entry that is there, or undefined when all is well.
 */
export function noticeStepBack(db: Database, clock: Clock, kept: Required<Noted>): number | undefined {
  migrateLedger(db);
  const record = new LossRecord(db);
  if (record.given().entries >= kept.number) return undefined; // it is known already
  const entry = queryOne<{ hash: string }>(db, "SELECT hash FROM ledger WHERE number = ?")(kept.number);
  if (entry?.hash === kept.hash) return undefined;
  return transaction(db, () => {
    const [entries, receipts] = [endOfEntries(db), endOfReceipts(db)];
    const before = record.latest() ?? NO_LOSSES;
    const entriesLost = lostEnd(entries, Math.max(entries.number, kept.number), clock.now());
    const receiptsLost = lostEnd(receipts, receipts.number, clock.now());
    record.note(
      {
        ...before,
        entries: [...before.entries, entriesLost],
        receipts: [...before.receipts, receiptsLost],
      },
      { entries: entriesLost.next - 1, receipts: receiptsLost.next - 1 },
    );
    return entries.number;
  });
}
