import { isoTime } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import { composeBatch } from "../../gate/tracking.ts";
import type { Circumstances } from "../../gate/verdict.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { GapRecord, TrackingBatch, TrackingResume } from "../../protocol/payloads/tracking.ts";
import type { Gap } from "../../spool/gaps.ts";
import type { SpooledChannel } from "./channel.ts";

export interface TrackingDrainOptions {
  policy(): Policy;
  circumstances(): Circumstances;
  log: Log;
}

/** Tracking records, and the account of those that were lost. */
export function trackingDrain({ policy, circumstances, log }: TrackingDrainOptions): SpooledChannel {
  return {
    name: "tracking",
    capability: CUSTOM.tracking,
    weight: 1,
    resume: (stream) => jsonMessage(CUSTOM.tracking, "resume", { stream } satisfies TrackingResume),
    batch(stream, entries, maxBytes) {
      const payloads = entries.map((entry) =>
        "gap" in entry ? { seq: entry.seq, payload: gapRecord(entry.gap) } : entry
      );
      const now = policy();
      const { records, through, dropped, held } = composeBatch(payloads, now, circumstances(), maxBytes);
      const [unfit, withheld] = [dropped.filter((each) => each.unfit), dropped.filter((each) => !each.unfit)];
      for (const [reason, all] of Map.groupBy(withheld, (each) => each.reason)) {
        log.warn("tracking records stay here", { records: all.length, first: all[0]!.seq, reason });
      }
      const batch = through !== undefined && records.length > 0 ? { stream, through, records } : undefined;
      return {
        message: batch && jsonMessage(CUSTOM.tracking, "batch", batch satisfies TrackingBatch),
        records: `seq ${records[0]?.seq}-${records.at(-1)?.seq} (${records.length})`,
        through,
        unfit,
        held: now.halted === undefined ? held : undefined,
      };
    },
  };
}

function gapRecord({ first, last, ...gap }: Gap): GapRecord {
  const known = first === null ? {} : { first: isoTime(first) };
  return { kind: "gap", class: "tracking", ...gap, ...known, last: isoTime(last) };
}
