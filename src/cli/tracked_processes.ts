import type { Database } from "../base/sqlite.ts";
import { hasTable } from "../base/sqlite.ts";
import { CONNECTORS } from "../connectors/mod.ts";
import { checkDefinition } from "../engine/definition/definition.ts";
import { createDeployments } from "../engine/deployments.ts";
import { whyNoData, whyNotTracked } from "../gate/data.ts";
import type { Policy } from "../gate/policy/policy.ts";

/** A process of this agent that tracks fields of its documents. */
export interface TrackedProcess {
  process: string;
  fields: string[];
  /** ISO 8601. */
  until: string;
  /** Of how many documents of a run. */
  documents: number;
  /** Why nothing of it leaves now; null when it does. */
  reason: string | null;
}

/** The processes that run here and track fields, with what the policy says of each at this moment. */
export function trackedProcesses(db: Database, policy: Policy, now: number): TrackedProcess[] {
  if (!hasTable(db, "engine_processes")) return [];
  return createDeployments(db).processes().flatMap(({ name, body }) => {
    const track = checkDefinition(body, CONNECTORS).process?.track;
    if (!track) return [];
    const { until, documents, fields } = track;
    const reason = whyNoData(policy, now) ?? whyNotTracked({ process: name, until }, policy, now) ?? null;
    return [{ process: name, fields: fields.map((field) => field.name), until, documents, reason }];
  });
}
