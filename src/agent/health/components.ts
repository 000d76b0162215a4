import type { Channel, ComponentHealthInit } from "../../channels/channel.ts";
import type { Condition } from "../../protocol/conditions.ts";
import { CONDITIONS, conditionText } from "../../protocol/conditions.ts";
import type { HeldCondition } from "./visibility.ts";

/** What is wrong in the rooms of the channels at this moment. */
export function conditionsOf(channels: readonly Channel[]): Condition[] {
  return channels.flatMap((channel) =>
    (channel.conditions?.() ?? []).map((condition) => ({ component: channel.name, ...condition }))
  );
}

/**
 * The components of the agent's health: one for each channel, and those that channels name, each with the conditions
 * that it shows. A component tells its worst condition itself, for whoever looks no deeper; below it is a component
 * for each condition, named by its code. One with nothing but warnings is healthy.
 *
 * @param shown errors first
 */
export function componentsOf(
  channels: readonly Channel[],
  shown: readonly HeldCondition[],
): Record<string, ComponentHealthInit> {
  const parts = channels.flatMap((channel) =>
    Object.entries({ [channel.name]: { healthy: true, status: "good" }, ...channel.components?.() })
  );
  return Object.fromEntries(
    parts.map(([name, well]) => {
      const own = shown.filter(({ component }) => component === name);
      const [worst] = own;
      if (!worst) return [name, well];
      const componentHealthMap = Object.fromEntries(
        own.map((each) => [each.code, { ...componentWith(each), status: CONDITIONS[each.code].severity }]),
      );
      return [name, { ...componentWith(worst), componentHealthMap }];
    }),
  );
}

function componentWith(condition: HeldCondition): ComponentHealthInit {
  const { severity, status } = CONDITIONS[condition.code];
  return {
    healthy: severity !== "error",
    status,
    lastError: conditionText(condition),
    statusTimeUnixNano: BigInt(Math.round(condition.since)) * 1_000_000n,
  };
}
