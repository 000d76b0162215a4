import { CONDITIONS, reasonIn } from "../../protocol/conditions.ts";
import { sha256Hex } from "../../base/digest.ts";
import type { AgentRecord, Health } from "../store/agents.ts";
import type { WantedProcess } from "../store/processes.ts";
import { configHash } from "./config_hash.ts";

/**
 * What became of a process on an agent: `active`, it runs the wanted text; `unhealthy`, it does and says that
 * something is wrong; `pending`, the agent has not answered yet; `rejected`, it refused the text and goes on
 * with what it had; `removing`, it still runs what it should not.
 */
export const PROCESS_STATES = ["active", "unhealthy", "pending", "rejected", "removing"] as const;

export interface ProcessState {
  process: string;
  state: (typeof PROCESS_STATES)[number];
  /** The wanted version. */
  version?: number;
  reason?: string;
}

/** Compares what an agent should run with what it reported: pure. */
export function processStates(agent: AgentRecord, wanted: readonly WantedProcess[]): ProcessState[] {
  const answered = agent.config.hash === configHash(wanted);
  const states = wanted.map(({ name, version, definition }) => {
    const component = agent.health?.components[`process/${name}`];
    const isActive = isText(agent.effective[name], definition);
    return { process: name, version, ...stateOf(agent, component, isActive, answered) };
  });
  const names = new Set(wanted.map(({ name }) => name));
  const leftOver = Object.keys(agent.effective).filter((name) => !names.has(name));
  return [...states, ...leftOver.map((process) => ({ process, state: "removing" as const }))];
}

/** The policy of an agent's owner may let only the hash of a text leave. */
function isText(reported: string | undefined, definition: string): boolean {
  return reported === definition || reported === `sha256:${sha256Hex(definition)}`;
}

function stateOf(
  { config }: AgentRecord,
  component: Health | undefined,
  isActive: boolean,
  answered: boolean,
): Pick<ProcessState, "state" | "reason"> {
  if (isActive) {
    if (!component || component.healthy) return { state: "active" };
    return { state: "unhealthy", reason: reasonIn(component.lastError) || component.status };
  }
  // A rejection counts only for the text that the agent has seen: an older one says nothing of a newer text.
  if (answered && component?.status === CONDITIONS["process.rejected"].status) {
    return { state: "rejected", reason: reasonIn(component.lastError) };
  }
  if (answered && config.status === "failed") return { state: "rejected", reason: config.error };
  return { state: "pending" };
}
