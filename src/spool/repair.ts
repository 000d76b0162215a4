import type { Clock } from "../base/clock.ts";
import { SPOOL_QUOTAS } from "../base/limits.ts";
import type { Database } from "../base/sqlite.ts";
import { command, queryOne, transaction } from "../base/sqlite.ts";
import { Spool } from "./spool.ts";

/** More numbers than can have been given since anything that survives a damage was written. */
const SKIPPED_NUMBERS = 1_000_000_000;

/** What is lost of a channel; `records` is 0 when something is, and nobody knows how much. */
export interface LostOfChannel {
  channel: string;
  records: number;
}

/**
 * Puts the spool of a damaged database, of which some rows were saved, in order: the counts are made to fit what is
 * there, a gap record tells of what is not, and the next numbers are ones that certainly were never given. Nothing of
 * what is there is dropped by a quota before the platform has said whether it has it.
 *
 * @param saved `isWhole`: all rows of the spool were saved, and there can have been no others; `areChannelsWhole`: the
 * same of the channels, so that one that is not there was never used
 */
export function repairSpool(
  db: Database,
  clock: Clock,
  { isWhole, areChannelsWhole }: { isWhole: boolean; areChannelsWhole: boolean },
  quotas = SPOOL_QUOTAS,
): LostOfChannel[] {
  const spool = new Spool(db, clock, quotas);
  const channels = Object.keys(quotas);
  const saved = queryOne<{ records: number; bytes: number; last: number }>(
    db,
    `SELECT count(*) AS records, coalesce(sum(bytes), 0) AS bytes,
       max(coalesce(max(seq), 0), (SELECT coalesce(max(seq), 0) FROM spool_gaps WHERE channel = ?1)) AS last
     FROM spool WHERE channel = ?1`,
  );
  const isKnown = queryOne(db, "SELECT 1 FROM spool_channels WHERE channel = ?");
  return transaction(db, () => {
    for (const table of ["spool", "spool_gaps", "spool_channels"]) {
      const strangers = `channel NOT IN (${channels.map(() => "?").join(", ")})`;
      command(db, `DELETE FROM ${table} WHERE ${strangers}`)(...channels); // a damaged name
    }
    return channels.flatMap((channel) => {
      const { records, bytes, last } = saved(channel)!;
      if (areChannelsWhole && records === 0 && !isKnown(channel)) return [];
      const before = spool.recount(channel, { records, bytes, last }, isWhole ? 0 : SKIPPED_NUMBERS);
      const lost = {
        records: Math.max(0, before.waiting - records),
        bytes: Math.max(0, before.bytes - bytes),
      };
      if (lost.records === 0 && isWhole) return [];
      spool.lost(channel, { reason: "damaged", ...lost, first: null, last: clock.now() });
      return [{ channel, records: lost.records }];
    });
  });
}
