import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { transaction } from "../base/sqlite.ts";
import { noticeStepBack } from "../ledger/went_back.ts";
import type { CheckpointMark } from "../protocol/checkpoint.ts";
import type { Condition } from "../protocol/conditions.ts";
import type { Spool } from "../spool/spool.ts";

/** A database that went back in time, or is gone, says nothing of that by itself: what was kept beside it does. */
export function stepBackFrom(
  kept: CheckpointMark | undefined,
  { db, clock, spool }: { db: Database; clock: Clock; spool: Spool },
): Pick<Condition, "code" | "reason">[] {
  if (!kept) return [];
  const last = transaction(db, () => {
    const last = noticeStepBack(db, clock, kept);
    if (last !== undefined) spool.rolledBack();
    return last;
  });
  if (last === undefined) return [];
  const end = last === 0 ? "it is empty" : `it ends with entry ${last}`;
  const reason = `the ledger went back in time: ${end}, and had its checkpoint ${kept.number} already`;
  return [{ code: "ledger.went-back", reason }];
}
