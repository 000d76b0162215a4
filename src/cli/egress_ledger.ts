import { usage } from "../base/command_line/command.ts";
import { DAY_MS } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import type { Selection } from "../ledger/reader.ts";
import { LedgerReader } from "../ledger/reader.ts";
import type { CommandContext } from "./command.ts";
import { momentOf } from "./moment.ts";
import { withState } from "./state.ts";

/** What the commands on the ledger have in common. */

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
