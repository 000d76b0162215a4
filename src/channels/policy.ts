import type { Channel, ChannelCondition } from "./channel.ts";

/** The owner's policy, as far as it keeps back what would leave otherwise. */
export interface PolicyState {
  /** Why the policy cannot be used, so that nothing leaves but a bare status; undefined when it can. */
  fault: string | undefined;
  /** Why records wait here because of it; undefined when none do. */
  held: string | undefined;
}

/** Policy: whether the owner's policy keeps something back. Its hash is among the attributes. */
export function policyChannel(state: () => PolicyState): Channel {
  return {
    name: "policy",
    bits: 0n,
    custom: [],
    conditions() {
      const { fault, held } = state();
      const conditions: ChannelCondition[] = [];
      if (fault !== undefined) conditions.push({ code: "policy.unreadable", reason: fault });
      if (held !== undefined) conditions.push({ code: "policy.holding", reason: held });
      return conditions;
    },
  };
}
