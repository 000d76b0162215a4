import type { Channel } from "./channel.ts";

/** The owner's policy, as far as the platform is told of it. */
export interface PolicyState {
  /** When it came into force, milliseconds since 1970 UTC. */
  since: number;
  /** Why records wait here because of it; undefined when none do. */
  held: string | undefined;
}

/** Policy: whether the owner's policy keeps back what would leave otherwise. Its hash is among the attributes. */
export function policyChannel(state: () => PolicyState): Channel {
  return {
    name: "policy",
    bits: 0n,
    custom: [],
    health() {
      const { since, held } = state();
      const statusTimeUnixNano = BigInt(since) * 1_000_000n;
      return {
        policy: held === undefined
          ? { healthy: true, status: "in force", statusTimeUnixNano }
          : { healthy: false, status: "holding", lastError: held, statusTimeUnixNano },
      };
    },
  };
}
