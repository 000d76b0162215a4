import type { Clock } from "../../base/clock.ts";
import { uuidv7 } from "../../base/ids.ts";
import type { PlatformEvent } from "../events.ts";

/** The body of one delivery. */
export interface Notice {
  /** The same at every try, so that a receiver can tell what it has already. */
  id: string;
  time: string;
  event: "agent" | "clones" | "recovery" | "run-failed";
  agent: string;
  agentName: string;
  state: string;
  reason: string | null;
  /** Only for runs. */
  run?: string;
  process?: string;
}

/** The notice of an event that somebody may have to act on: about agents, and runs that ended failed. */
export function noticeOf({ type, at: time, data }: PlatformEvent, clock: Clock): Notice | undefined {
  if (type === "agent" || type === "clones" || type === "recovery") {
    const { id: agent, name: agentName, state, reason = null } = data;
    return { id: uuidv7(clock), time, event: type, agent, agentName, state, reason };
  }
  if (type !== "run" || data.outcome !== "failed") return undefined;
  const { id: run, agent, agentName, process, reason = null } = data;
  const event = "run-failed" as const;
  return { id: uuidv7(clock), time, event, agent, agentName, state: "failed", reason, run, process };
}
