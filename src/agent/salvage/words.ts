import type { Break, Losses } from "../../ledger/statement.ts";
import type { LostOfChannel } from "../../spool/repair.ts";

/** What could not be saved of a damaged state database, as far as it is known. */
export interface Lost {
  channels: readonly LostOfChannel[];
  ledger: Losses | undefined;
  /** Rows of the engine that were there and could not be understood. */
  engineRows: number;
  /** Tables that were not saved as a whole. */
  tables: readonly string[];
  /** Whether there were tables of which not even the name can be read. */
  isSchemaLost: boolean;
}

/** In words; empty when nothing is lost. */
export function lostText({ channels, ledger, engineRows, tables, isSchemaLost }: Lost): string {
  const parts = [
    ...channels.map(({ channel, records }) =>
      records > 0 ? `${records} ${channel} records` : `an unknown number of ${channel} records`
    ),
    ...ledger ? ledgerParts(ledger) : [],
    ...engineRows > 0 ? [`${engineRows} rows of the engine`] : [],
    ...isSchemaLost ? ["tables whose names cannot be read"] : [],
  ];
  if (tables.length > 0) parts.push(`parts of ${tables.join(", ")}`);
  return parts.join("; ");
}

function ledgerParts({ entries, receipts, bodies, signatures, certificates }: Losses): string[] {
  const count = (ranges: Losses["bodies"]) =>
    ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const counted = [
    [known(entries), "entries"],
    [known(receipts), "receipts"],
    [count(bodies), "bodies"],
    [count(signatures), "signatures"],
    [certificates.length, "certificates"],
  ] as const;
  const parts = counted.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what} of the ledger`);
  return parts.length > 0 ? parts : ["perhaps the newest entries of the ledger"];
}

function known(breaks: readonly Break[]): number {
  return breaks.reduce((sum, each) => sum + each.known, 0);
}
