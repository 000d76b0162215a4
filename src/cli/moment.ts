import { DAY_MS, isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS };

/** What stands behind an option that takes a time, for the help. */
export const MOMENT = "a date, a time, or 30m, 24h, 7d ago";

/**
 * The moment that an option means, in milliseconds since 1970 UTC.
 *
 * @param ofDayMs which moment of a day is meant by a date without a time
 * @throws {SallyportError} `usage`
 */
export function momentOf(name: string, text: string, now: number, ofDayMs: number): number {
  const ago = lengthOf(text);
  if (ago !== undefined) return now - ago;
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text);
  const isTime = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$/.test(text);
  const moment = isDate ? Date.parse(`${text}T00:00:00Z`) + ofDayMs : isTime ? Date.parse(text) : NaN;
  if (!Number.isNaN(moment)) return moment;
  throw usage(
    `--${name} is "${text}", but it must be a date such as ${isoTime(now).slice(0, 10)}, a time such as ` +
      `${isoTime(now).slice(0, 19)}Z, or an age such as 30m, 24h or 7d`,
  );
}

/** A length of time such as 30m, 24h or 7d, in milliseconds; undefined when it is none. */
export function lengthOf(text: string): number | undefined {
  const [, number, unit] = /^([0-9]{1,6})([mhd])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(number) * UNITS[unit]!;
}
