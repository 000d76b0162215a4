import { MAX_TRACKED_CHARS } from "../base/limits.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import type { DataRecord, TrackedDocument } from "../protocol/payloads/data.ts";
import { dataRecordSchema } from "../protocol/payloads/data.ts";
import type { RecordClass } from "./batch.ts";
import type { Policy } from "./policy/policy.ts";
import { whyDenied } from "./policy/policy.ts";

/**
 * Data: fields of documents that a process tracks. They leave while both the owner's policy and the process allow it;
 * the earlier end of the two goes with them, so that the platform forgets them then.
 */
export const DATA: RecordClass<DataRecord> = {
  class: "data",
  capability: CUSTOM.data,
  schema: dataRecordSchema,
  refusal: whyNoData,
  shape(record, policy, now) {
    if (record.kind === "gap") return record;
    const { runId, until, file, documents } = record;
    const refused = whyNotTracked(record, policy, now);
    if (refused !== undefined) return { refused };
    return {
      ...record,
      until: earlier(until, policy.options.data.until!),
      file: policy.shapePlace(file, runId),
      documents: documents.map((document) => shapeDocument(document, policy)),
    };
  },
};

/** Why the policy lets no data leave by itself. What is only answered on request does not. */
export function whyNoData(policy: Policy, now: number): string | undefined {
  const denied = whyDenied("data", policy);
  if (denied !== undefined) return denied;
  if (policy.options.data.send === "ask") {
    return "the policy lets data leave on request only, and tracked fields leave by themselves";
  }
  return whyDataIsOver(policy, now);
}

/** Why nothing that this process tracks leaves, where the policy lets data leave. */
export function whyNotTracked(
  { process, until }: { process: string; until: string },
  policy: Policy,
  now: number,
): string | undefined {
  if (!policy.namesProcess(process)) return otherProcesses(process);
  if (now <= Date.parse(until)) return undefined;
  return `the process ${process} tracks fields until ${until}, which has passed`;
}

/** Why the time for which the policy lets data leave is over. */
export function whyDataIsOver({ options: { data: { until } } }: Policy, now: number): string | undefined {
  if (until !== null && now <= Date.parse(until)) return undefined;
  return `the policy allowed production data until ${until}, which has passed`;
}

/** Why data of this process does not leave. */
export function otherProcesses(process: string): string {
  return `the policy names other processes than ${process}`;
}

function earlier(a: string, b: string): string {
  return Date.parse(a) <= Date.parse(b) ? a : b;
}

/** Secrets first: one that is cut is not found any more. */
function shapeDocument(document: TrackedDocument, { redact }: Policy): TrackedDocument {
  const cut = new Set(document.cut);
  const fields = Object.entries(document.fields).map(([name, value]) => {
    const text = redact(value);
    if (text.length > MAX_TRACKED_CHARS) cut.add(name);
    return [name, text.slice(0, MAX_TRACKED_CHARS)];
  });
  return { ...document, fields: Object.fromEntries(fields), ...(cut.size > 0 ? { cut: [...cut] } : {}) };
}
