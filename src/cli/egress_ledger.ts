import { usage } from "../base/command_line/command.ts";
import { DAY_MS, isoTime } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import type { Selection } from "../ledger/reader.ts";
import { LedgerReader } from "../ledger/reader.ts";
import type { CommandContext } from "./command.ts";
import { withState } from "./state.ts";

/** What the commands on the ledger have in common. */

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS };

/** Works on the ledger of this home; undefined when nothing was ever written into one. */
export async function withLedger<T>(
  work: (ledger: LedgerReader, db: Database) => T | Promise<T>,
): Promise<T | undefined> {
  return await withState((db) => {
    const ledger = new LedgerReader(db);
    return ledger.exists() ? work(ledger, db) : undefined;
  });
}

/** Options that choose entries, for the help. */
export const SELECTION_OPTIONS = [
  { name: "class", value: "CLASS", summary: "Only this class, such as status or tracking" },
  {
    name: "since",
    value: "WHEN",
    summary: "Only from then on: an entry's number, a date, a time, or 30m, 24h, 7d ago",
  },
  { name: "until", value: "WHEN", summary: "Only up to then: a date, a time, or 30m, 24h, 7d ago" },
] as const;

/**
 * The entries that the options of {@linkcode SELECTION_OPTIONS} choose.
 *
 * @throws {SallyportError} `usage`
 */
export function selectionOf({ option, clock }: Pick<CommandContext, "option" | "clock">): Selection {
  const [since, until] = [option("since"), option("until")];
  const from = since !== undefined && /^[0-9]+$/.test(since) ? Number(since) : undefined;
  return {
    class: option("class"),
    from,
    since: since === undefined || from !== undefined ? undefined : momentOf("since", since, clock.now(), 0),
    until: until === undefined ? undefined : momentOf("until", until, clock.now(), DAY_MS - 1),
  };
}

/** A positive whole number. */
export function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw usage(`${name} must be a whole number above 0`);
  return number;
}

/** @param ofDayMs which moment of a day is meant by a date without a time */
function momentOf(name: string, text: string, now: number, ofDayMs: number): number {
  const ago = /^([0-9]{1,6})([mhd])$/.exec(text);
  if (ago) return now - Number(ago[1]) * UNITS[ago[2]!]!;
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text);
  const isTime = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$/.test(text);
  const moment = isDate ? Date.parse(`${text}T00:00:00Z`) + ofDayMs : isTime ? Date.parse(text) : NaN;
  if (!Number.isNaN(moment)) return moment;
  throw usage(
    `--${name} is "${text}", but it must be a date such as ${isoTime(now).slice(0, 10)}, a time such as ` +
      `${isoTime(now).slice(0, 19)}Z, or an age such as 30m, 24h or 7d`,
  );
}
