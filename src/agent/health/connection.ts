import { inWords } from "../../base/clock.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { MAX_CLOCK_OFFSET_MS } from "../../base/limits.ts";
import { clockWords, isClockOff } from "../../protocol/clock.ts";
import { CLOSE } from "../../protocol/closing.ts";
import type { Condition, ConditionCode } from "../../protocol/conditions.ts";
import type { Ending } from "../../uplink/ending.ts";

/** Whoever was thrown out by its double will be again: so long after the last time it still counts. */
const SUPERSEDED_MS = 10 * 60_000;

/**
 * The component of what only this side of a connection that does not stand can know. It is none of a channel's, so
 * the platform is not told: when it could be, this is over.
 */
const HERE = "connection";

const BY_ERROR: Partial<Record<ErrorCode, ConditionCode>> = {
  "platform.not-proved": "platform.not-proved",
  "platform.not-trusted": "platform.not-trusted",
  "platform.refused": "platform.refused",
};

/** What is wrong with the connection to the platform. Times are on the monotonic clock. */
export class ConnectionConditions {
  #down: Condition | undefined;
  #superseded: { at: number; words: string } | undefined;

  /** The platform has answered. */
  ready(): void {
    this.#down = undefined;
  }

  /** The connection ended, or could not be made. */
  ended({ error, planned }: Ending, at: number): void {
    if (planned) return;
    const { code, message: reason, remedy } = error;
    if (error.facts.closeCode === CLOSE.superseded) this.#superseded = { at, words: reason };
    this.#down = {
      code: BY_ERROR[code] ?? "platform.unreachable",
      component: HERE,
      reason,
      ...(remedy ? { remedy } : {}),
    };
  }

  at(at: number): Condition[] {
    const superseded = this.#superseded && at - this.#superseded.at < SUPERSEDED_MS;
    return [
      ...(this.#down ? [this.#down] : []),
      ...(superseded
        ? [{
          code: "connection.superseded" as const,
          component: "status",
          reason: `within the last ${inWords(SUPERSEDED_MS)} ${this.#superseded!.words}`,
        }]
        : []),
    ];
  }
}

/** What is wrong with a clock that has this offset, if it is known: the platform's minus this machine's. */
export function clockConditions(offsetMs: number | undefined): { code: ConditionCode; reason: string }[] {
  if (offsetMs === undefined || !isClockOff(offsetMs)) return [];
  const code = Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS ? "clock.far-off" : "clock.off";
  return [{ code, reason: `the agent's clock is ${clockWords(offsetMs)}` }];
}
