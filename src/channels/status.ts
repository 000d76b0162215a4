import { AGENT_CAPABILITY } from "../protocol/capabilities.ts";
import type { Attributes } from "../protocol/attributes.ts";
import { describe } from "../protocol/attributes.ts";
import type { Channel, ComponentHealthInit } from "./channel.ts";

/** What the status channel tells of the agent itself. */
export interface StatusFacts {
  identifying: Attributes;
  /** The other attributes, at this moment. */
  other(): Attributes;
  /** When this agent was started, milliseconds since 1970 UTC. */
  startedAt: number;
  /** The components of all channels, at this moment. */
  components(): Record<string, ComponentHealthInit>;
}

/** Status: who the agent is, and how it and its components are. */
export function statusChannel(facts: StatusFacts): Channel {
  return {
    name: "status",
    bits: AGENT_CAPABILITY.reportsStatus | AGENT_CAPABILITY.reportsHealth | AGENT_CAPABILITY.reportsHeartbeat,
    custom: [],
    state: () => ({
      agentDescription: describe(facts.identifying, facts.other()),
      health: summarise(facts.components(), facts.startedAt),
    }),
  };
}

/** The agent is healthy when all its components are; if not, it says which are not. */
function summarise(components: Record<string, ComponentHealthInit>, startedAt: number): ComponentHealthInit {
  const ailing = Object.entries(components).filter(([, { healthy }]) => !healthy).map(([name]) => name);
  return {
    healthy: ailing.length === 0,
    status: ailing.length === 0 ? "healthy" : "degraded",
    lastError: ailing.length === 0 ? "" : `not healthy: ${ailing.join(", ")}`,
    startTimeUnixNano: BigInt(Math.round(startedAt)) * 1_000_000n,
    componentHealthMap: components,
  };
}
