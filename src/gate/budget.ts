import type { PayloadClass } from "./policy/options.ts";
import type { Policy } from "./policy/policy.ts";
import type { Circumstances } from "./verdict.ts";

/** What may still leave of a class today. */
export function bytesLeft(payloadClass: PayloadClass, { options }: Policy, { spent }: Circumstances): number {
  return Math.max(0, options[payloadClass].bytesPerDay - spent[payloadClass]);
}

/** Why nothing more of a class leaves today. */
export function overBudget(payloadClass: PayloadClass, { options }: Policy): string {
  const mebibytes = Math.round(options[payloadClass].bytesPerDay / 2 ** 20);
  return `the policy's budget for ${payloadClass}, ${mebibytes} MiB a day of UTC, is used up for today`;
}
