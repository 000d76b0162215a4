import { isoTime } from "./clock.ts";

/** What {@linkcode readMoment} takes, for a complaint. */
export const MOMENT_FORM = "a day such as 2027-01-31, or a time such as 2027-01-31T18:00Z";

/**
 * A moment as people write it: a day, which counts to its end in UTC, or a time in UTC. Gives ISO 8601 with whole
 * seconds, so that equal moments are equal texts; undefined when it is neither, or no day of the calendar.
 */
export function readMoment(text: string): string | undefined {
  const form = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d)?Z)?$/.exec(text);
  if (!form) return undefined;
  const isTime = form[2] !== undefined;
  const ms = Date.parse(isTime ? text : `${text}T23:59:59.999Z`);
  // The 31st of February is another day to JavaScript.
  if (Number.isNaN(ms) || !isoTime(ms).startsWith(text.slice(0, 10))) return undefined;
  return isTime ? text.replace(/^(.{16})Z$/, "$1:00Z") : `${text}T23:59:59Z`;
}
