import { isoTime } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { judgeTracking } from "../../gate/gate.ts";
import type { Policy } from "../../gate/policy.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { GapRecord, TrackingBatch, TrackingResume } from "../../protocol/payloads/tracking.ts";
import type { Gap } from "../../spool/gaps.ts";
import type { UnreadableRow } from "../../spool/spool.ts";
import type { SpooledChannel } from "./channel.ts";

/** Tracking records, and the account of those that were lost. */
export function trackingDrain({ policy, log }: { policy: Policy; log: Log }): SpooledChannel {
  return {
    name: "tracking",
    weight: 1,
    resume: (stream) => jsonMessage(CUSTOM.tracking, "resume", { stream } satisfies TrackingResume),
    batch(stream, entries) {
      const records: TrackingBatch["records"] = [];
      const unfit: UnreadableRow[] = [];
      for (const entry of entries) {
        const { seq } = entry;
        const verdict = judgeTracking("gap" in entry ? gapRecord(entry.gap) : entry.payload, policy);
        if (verdict.verdict === "allow") records.push({ seq, record: verdict.payload });
        else if (verdict.unfit && "payload" in entry) unfit.push({ seq, reason: verdict.reason });
        else log.warn("a tracking record stays here", { seq, reason: verdict.reason });
      }
      const through = entries.at(-1)!.seq;
      const message = records.length > 0
        ? jsonMessage(CUSTOM.tracking, "batch", { stream, through, records } satisfies TrackingBatch)
        : undefined;
      const named = `seq ${records[0]?.seq}-${records.at(-1)?.seq} (${records.length})`;
      return { message, records: named, unfit };
    },
  };
}

function gapRecord({ first, last, ...gap }: Gap): GapRecord {
  const known = first === null ? {} : { first: isoTime(first) };
  return { kind: "gap", class: "tracking", ...gap, ...known, last: isoTime(last) };
}
