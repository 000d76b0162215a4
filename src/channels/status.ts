import { AGENT_CAPABILITY } from "../protocol/capabilities.ts";
import type { Attributes } from "../protocol/attributes.ts";
import { describe } from "../protocol/attributes.ts";
import type { Channel, ChannelCondition, ComponentHealthInit } from "./channel.ts";

/** What the status channel tells of the agent itself. */
export interface StatusFacts {
  identifying: Attributes;
  /** The other attributes, at this moment. */
  other(): Attributes;
  /** When this agent was started, milliseconds since 1970 UTC. */
  startedAt: number;
  /** The components of all channels, at this moment. */
  components(): Record<string, ComponentHealthInit>;
  /** What is wrong with the agent as a whole. */
  conditions(): ChannelCondition[];
}

/** Status: who the agent is, and how it and its components are. */
export function statusChannel(facts: StatusFacts): Channel {
  return {
    name: "status",
    bits: AGENT_CAPABILITY.reportsStatus | AGENT_CAPABILITY.reportsHealth | AGENT_CAPABILITY.reportsHeartbeat,
    custom: [],
    conditions: () => facts.conditions(),
    state: () => ({
      agentDescription: describe(facts.identifying, facts.other()),
      health: summarise(facts.components(), facts.startedAt),
    }),
  };
}

/** The agent is healthy when all its components are; what it tells is the worst of what they tell. */
function summarise(components: Record<string, ComponentHealthInit>, startedAt: number): ComponentHealthInit {
  const ailing = Object.values(components)
    .filter(({ lastError }) => lastError)
    .sort((a, b) => Number(a.healthy) - Number(b.healthy));
  const [worst, ...more] = ailing;
  const healthy = worst?.healthy ?? true;
  return {
    healthy,
    status: !healthy ? "degraded" : worst ? "warning" : "healthy",
    lastError: worst ? `${worst.lastError}${more.length > 0 ? ` (and ${more.length} more)` : ""}` : "",
    startTimeUnixNano: BigInt(Math.round(startedAt)) * 1_000_000n,
    componentHealthMap: components,
  };
}
