import { isoTime } from "../../base/clock.ts";
import type { Severity } from "../../protocol/conditions.ts";
import { CONDITIONS, isConditionCode, reasonIn } from "../../protocol/conditions.ts";
import type { Health } from "../store/agents.ts";

/** Something that an agent says is wrong with it. */
export interface ReportedCondition {
  /** From the table of conditions; an agent that is not one of ours has none. */
  code?: string;
  severity: Severity;
  /** The part of the agent that has it; undefined for the agent as a whole. */
  component?: string;
  /** ISO 8601, by the agent's clock. */
  since?: string;
  reason: string;
  /** What to do about it. */
  remedy?: string;
}

/**
 * What an agent says is wrong with it, errors first: pure. Agents of ours have a component for each condition, named
 * by its code, below the component that has it; of any other agent the components that are not healthy count.
 */
export function conditionsIn(health: Health | undefined): ReportedCondition[] {
  if (!health) return [];
  const found = Object.entries(health.components).flatMap(([component, part]) => {
    const own = Object.entries(part.components).filter(([code, { lastError }]) =>
      lastError.startsWith(`${code}: `)
    );
    if (own.length > 0) return own.map(([code, each]) => ({ code, component, ...described(each, code) }));
    return part.healthy ? [] : [{ component, ...described(part) }];
  });
  if (found.length === 0 && !health.healthy) return [described(health)];
  return found.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}

function described({ healthy, status, lastError, since }: Health, code?: string): ReportedCondition {
  const reason = code === undefined ? reasonIn(lastError) : lastError.slice(code.length + 2);
  const known = code !== undefined && isConditionCode(code) ? CONDITIONS[code] : undefined;
  return {
    severity: healthy ? "warning" : "error",
    reason: reason || status,
    ...(since === undefined ? {} : { since: isoTime(since) }),
    ...(known ? { remedy: known.remedy } : {}),
  };
}
