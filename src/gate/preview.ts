import type { RecordClass } from "./batch.ts";
import { composeBatch } from "./batch.ts";
import type { PayloadClass } from "./policy/options.ts";
import type { Policy } from "./policy/policy.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** What the gate would say of one payload that waits. */
export interface PreviewedPayload {
  class: PayloadClass;
  seq: number;
  kind: string;
  verdict: Verdict<unknown>["verdict"];
  /** Why it is held or dropped; null when it is not. */
  reason: string | null;
  /** What is different in the form in which it would leave. */
  changes: FieldChange[];
}

/** A field, such as `files[0].name`, and its values as JSON; an empty text where there is none. */
export interface FieldChange {
  field: string;
  before: string;
  after: string;
}

/**
 * Judges the records of a class in their order as the pump would, with what each takes of the day's budget: once one is
 * held, so are all those behind it.
 */
export function previewRecords(
  records: RecordClass<object>,
  policy: Policy,
  { now, spent }: Circumstances,
): (seq: number, payload: unknown) => PreviewedPayload {
  const { class: name } = records;
  let used = spent[name];
  let held: string | undefined;
  return (seq, payload) => {
    const head = { class: name, seq, kind: kindOf(payload) };
    const hold = (reason: string) => ({ ...head, verdict: "hold" as const, reason, changes: [] });
    if (held !== undefined) return hold(held);
    const batch = composeBatch(records, [{ seq, payload }], policy, {
      now,
      spent: { ...spent, [name]: used },
    });
    held = batch.held;
    if (held !== undefined) return hold(held);
    const [dropped] = batch.dropped;
    if (dropped) return { ...head, verdict: "drop", reason: dropped.reason, changes: [] };
    const [item] = batch.records;
    used += JSON.stringify(item).length;
    const changes = changesOf(payload, item!.record);
    return { ...head, verdict: changes.length === 0 ? "allow" : "shape", reason: null, changes };
  };
}

/** The fields in which two values differ. */
function changesOf(before: unknown, after: unknown): FieldChange[] {
  const [old, young] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...old.keys(), ...young.keys()])]
    .map((field) => ({ field, before: old.get(field) ?? "", after: young.get(field) ?? "" }))
    .filter(({ before, after }) => before !== after);
}

function leavesOf(value: unknown, field = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) return new Map([[field, JSON.stringify(value) ?? ""]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => {
      const name = Array.isArray(value) ? `${field}[${key}]` : field === "" ? key : `${field}.${key}`;
      return [...leavesOf(inner, name)];
    }),
  );
}

function kindOf(payload: unknown): string {
  const kind = (payload as { kind?: unknown } | null | undefined)?.kind;
  return typeof kind === "string" ? kind.slice(0, 40) : "unknown";
}
