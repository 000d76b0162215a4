import { inWords } from "../base/clock.ts";

/**
 * How far an agent's clock is from its platform's. An offset is the platform's clock minus the agent's, in
 * milliseconds: an agent with a positive one is behind.
 */

/** From here on a person should set the clock, though the agent works all the same. */
const CLOCK_OFF_MS = 60_000;

/** What to do about a clock that is off. */
export const SET_CLOCK = "Set this machine's clock, best by a time service.";

/** Whether an offset is worth telling. */
export function isClockOff(offsetMs: number): boolean {
  return Math.abs(offsetMs) > CLOCK_OFF_MS;
}

/** By how much a clock is off, and which way: coarse, so that it says the same as long as it is about the same. */
export function clockWords(offsetMs: number): string {
  return `${inWords(offsetMs)} ${offsetMs > 0 ? "behind" : "ahead of"} the platform's`;
}
