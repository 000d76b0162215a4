import { isoTime } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { RecordClass } from "../../gate/batch.ts";
import { composeBatch } from "../../gate/batch.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import { RECORD_CLASSES } from "../../gate/record_classes.ts";
import type { Circumstances } from "../../gate/verdict.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { GapRecord, RecordBatch, Resume } from "../../protocol/payloads/stream.ts";
import type { Gap } from "../../spool/gaps.ts";
import type { SpooledChannel } from "./channel.ts";

/** How the classes share the way out when all have something to send: what ran is told before what was in it. */
const WEIGHTS: Record<GapRecord["class"], number> = { tracking: 4, data: 1 };

export interface RecordsDrainOptions {
  policy(): Policy;
  circumstances(): Circumstances;
  log: Log;
}

/** The channels of the spool, one for each class of records. */
export function recordsDrains(options: RecordsDrainOptions): SpooledChannel[] {
  return RECORD_CLASSES.map((kind) => recordsDrain(kind, options));
}

/** Records of one class, and the account of those that were lost. */
function recordsDrain(
  kind: RecordClass<object>,
  { policy, circumstances, log }: RecordsDrainOptions,
): SpooledChannel {
  const { class: name, capability } = kind;
  return {
    name,
    capability,
    weight: WEIGHTS[name],
    resume: (stream) => jsonMessage(capability, "resume", { stream } satisfies Resume),
    batch(stream, entries, maxBytes) {
      const payloads = entries.map((entry) =>
        "gap" in entry ? { seq: entry.seq, payload: gapRecord(name, entry.gap) } : entry
      );
      const now = policy();
      const { records, through, dropped, held } = composeBatch(
        kind,
        payloads,
        now,
        circumstances(),
        maxBytes,
      );
      const [unfit, withheld] = [dropped.filter((each) => each.unfit), dropped.filter((each) => !each.unfit)];
      for (const [reason, all] of Map.groupBy(withheld, (each) => each.reason)) {
        log.warn(`${name} records stay here`, { records: all.length, first: all[0]!.seq, reason });
      }
      const batch = through !== undefined && records.length > 0 ? { stream, through, records } : undefined;
      return {
        message: batch && jsonMessage(capability, "batch", batch satisfies RecordBatch<unknown>),
        records: `seq ${records[0]?.seq}-${records.at(-1)?.seq} (${records.length})`,
        through,
        unfit,
        held: now.halted === undefined ? held : undefined,
      };
    },
  };
}

function gapRecord(lost: GapRecord["class"], { first, last, ...gap }: Gap): GapRecord {
  const known = first === null ? {} : { first: isoTime(first) };
  return { kind: "gap", class: lost, ...gap, ...known, last: isoTime(last) };
}
