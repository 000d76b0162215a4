import * as z from "zod";
import { DAY_MS } from "../../base/clock.ts";

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS };

/** A duration such as `500ms`, `5s`, `10m` or `1h`, between the bounds, as milliseconds. */
export function durationSchema(minimumMs: number, maximumMs: number) {
  return z.string().transform((text, context) => {
    const match = text.match(/^(\d{1,9})(ms|s|m|h|d)$/);
    const ms = match ? Number(match[1]) * UNITS[match[2]!]! : NaN;
    if (ms >= minimumMs && ms <= maximumMs) return ms;
    context.addIssue({
      code: "custom",
      message: match
        ? `must lie between ${asDuration(minimumMs)} and ${asDuration(maximumMs)}`
        : "needs a duration such as 500ms, 5s, 10m, 1h or 1d here",
    });
    return z.NEVER;
  }).meta({ description: "A duration such as 500ms, 5s, 10m, 1h or 1d" });
}

/** Milliseconds in the largest unit that divides them. */
function asDuration(ms: number): string {
  const [unit, size] = Object.entries(UNITS).reverse().find(([, size]) => ms % size === 0)!;
  return `${ms / size}${unit}`;
}
