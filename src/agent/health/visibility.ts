/** Which of the conditions that hold are to be shown, as pure functions. */
import type { Condition } from "../../protocol/conditions.ts";
import { CONDITIONS } from "../../protocol/conditions.ts";

/** A condition that holds, and since when. */
export interface HeldCondition extends Condition {
  /** Milliseconds since 1970 UTC, by this machine's clock. */
  since: number;
  /** The same moment on the monotonic clock. */
  heldFrom: number;
}

/** What is to be shown, errors first, and in how many milliseconds that changes by itself, if it does. */
export interface Visible {
  shown: HeldCondition[];
  changesInMs: number | undefined;
}

/** Whether two findings are of one condition. */
export function isSame(a: Condition, b: Condition): boolean {
  return a.code === b.code && a.component === b.component;
}

/** What holds now that this was found: what held before goes on, in its newest words; what was not found is over. */
export function hold(
  before: readonly HeldCondition[],
  found: readonly Condition[],
  { now, at }: { now: number; at: number },
): HeldCondition[] {
  return found.map((condition) => {
    const known = before.find((other) => isSame(other, condition));
    return {
      ...condition,
      since: condition.since ?? known?.since ?? now,
      heldFrom: known?.heldFrom ?? at,
    };
  });
}

/** A condition is shown once it has held for as long as the table asks, unless a cause of it is due as well. */
export function visibleAt(held: readonly HeldCondition[], at: number): Visible {
  const waitMs = ({ code, heldFrom }: HeldCondition) => heldFrom + CONDITIONS[code].visibleAfterMs - at;
  const due = held.filter((condition) => waitMs(condition) <= 0);
  const codes = new Set(due.map(({ code }) => code));
  const waits = held.map(waitMs).filter((ms) => ms > 0);
  return {
    shown: due
      .filter(({ code }) => !CONDITIONS[code].dependsOn.some((cause) => codes.has(cause)))
      .sort((a, b) => rank(a) - rank(b) || (place(a) < place(b) ? -1 : 1)),
    changesInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

const rank = ({ code }: Condition) => CONDITIONS[code].severity === "error" ? 0 : 1;
const place = ({ code, component }: Condition) => `${code} ${component}`;
