import { format as formatBytes } from "@std/fmt/bytes";
import { isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { watchDatabase } from "../base/database_changes.ts";
import { EXIT } from "../base/exit_codes.ts";
import type { Database } from "../base/sqlite.ts";
import type { Column } from "../base/table.ts";
import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import { DATABASE_PATH } from "../agent/home.ts";
import { payloadsOf } from "../ledger/entry.ts";
import type { LedgerReader, ListedEntry, Selection, Total } from "../ledger/reader.ts";
import type { Command, CommandContext } from "./command.ts";
import { SELECTION_OPTIONS, selectionOf, wholeNumber, withLedger } from "./egress_ledger.ts";

export const egress: Command = {
  name: "egress",
  usage: "",
  summary: "List what left this machine: when, of which class, how much, and whether it was stored",
  about:
    `Everything that this agent sends is written into a ledger before it is sent. Heartbeats one after another
share an entry. Numbers that are not listed are checkpoints: the agent's signature under all entries
before, which was not sent.
"egress show" prints one entry byte for byte, "egress verify" proves that the ledger is whole, and
"egress export" and "egress copy" take it elsewhere.`,
  options: [
    { name: "last", value: "N", summary: "How many entries to list (default: 20)" },
    ...SELECTION_OPTIONS,
    { name: "by", value: "WHAT", summary: "Only totals: by class or by day (UTC)" },
    { name: "follow", summary: "Go on listing what leaves, as it leaves; with --json one entry a line" },
  ],
  examples: [
    "sallyport egress",
    "sallyport egress --class tracking --since 24h",
    "sallyport egress --by day --since 2026-01-01",
    "sallyport egress --follow",
  ],
  async run(context) {
    const { option, flag, result } = context;
    const by = groupingOf(option("by"));
    if (by !== undefined && (flag("follow") || option("last") !== undefined)) {
      throw usage("--by gives totals: neither --follow nor --last goes with it");
    }
    const last = wholeNumber("--last", option("last") ?? "20");
    const selection = { ...selectionOf(context), sent: true };
    const isThere = await withLedger(async (ledger, db) => {
      if (by !== undefined) result({ by, totals: ledger.totals(by, selection) }, totalsAsText);
      else if (!flag("follow")) {
        result(
          { entries: ledger.newest(last, selection), totals: ledger.totals("class", selection) },
          listAsText,
        );
      } else await follow(context, ledger, db, last, selection);
      return true;
    });
    if (!isThere) {
      result(by === undefined ? { entries: [], totals: [] } : { by, totals: [] }, () => NOTHING);
    }
    return EXIT.ok;
  },
};

/** Entries that are read at once. */
const PAGE = 500;

const NOTHING = "Nothing has left this machine.";
const NOTHING_FITS = "Nothing that fits has left this machine.";

function listAsText(
  { entries, totals }: { entries: ListedEntry[]; totals: Total<"class">[] },
): string {
  if (entries.length === 0) return NOTHING_FITS;
  return [
    table(COLUMNS, entries.map(cellsOf)),
    "",
    ...totals.map(({ class: name, payloads, bytes }) =>
      `${printable(name)}: ${payloads} payloads, ${formatBytes(bytes)}`
    ),
  ].join("\n");
}

/** `width` is for lines that stand alone. */
const COLUMNS: readonly (Column & { width: number })[] = [
  { title: "No.", align: "right", width: 7 },
  { title: "Time", width: 24 },
  { title: "Class", width: 9 },
  { title: "Payloads", align: "right", width: 5 },
  { title: "Bytes", align: "right", width: 8 },
  { title: "Stored", width: 3 },
  { title: "What", width: 0 },
];

function cellsOf(entry: ListedEntry): string[] {
  return [
    String(entry.number),
    isoTime(entry.until ?? entry.time),
    printable(entry.class),
    String(payloadsOf(entry)),
    String(entry.bytes),
    entry.acknowledged === null ? "-" : "yes",
    printable(entry.records) + (entry.kept ? "" : " (body pruned)"),
  ];
}

type Grouping = "class" | "day";

function groupingOf(by: string | undefined): Grouping | undefined {
  if (by === undefined || by === "class" || by === "day") return by;
  throw usage("--by must be class or day");
}

function totalsAsText({ by, totals }: { by: Grouping; totals: Total<Grouping>[] }): string {
  if (totals.length === 0) return NOTHING_FITS;
  const sum = (count: (total: Total<Grouping>) => number) =>
    totals.reduce((all, total) => all + count(total), 0);
  const rows = [
    ...totals.map((total) => [printable(total[by]), total.entries, total.payloads, total.bytes]),
    ["all", sum(({ entries }) => entries), sum(({ payloads }) => payloads), sum(({ bytes }) => bytes)],
  ];
  const titles = [by === "day" ? "Day" : "Class", "Entries", "Payloads", "Bytes"];
  const columns = titles.map((title, i): Column => ({ title, align: i === 0 ? "left" : "right" }));
  return table(columns, rows.map((row) => row.map(String)));
}

/** Lists the last entries, and then each as it comes; heartbeats again whenever one more has joined them. */
async function follow(
  { json, clock, signal }: CommandContext,
  ledger: LedgerReader,
  db: Database,
  last: number,
  selection: Selection,
): Promise<void> {
  let shown = { number: 0, hash: "" };
  const show = (entries: readonly ListedEntry[]) => {
    for (const entry of entries) {
      if (entry.number === shown.number && entry.hash === shown.hash) continue;
      shown = entry;
      console.log(json ? JSON.stringify(entry) : lineOf(entry));
    }
  };
  const showMore = () => {
    for (let full = true; full;) {
      const from = Math.max(shown.number, selection.from ?? 0);
      const page = ledger.oldest(PAGE, { ...selection, from });
      show(page);
      full = page.length === PAGE;
    }
  };
  // The watch stands before the first look, so that nothing falls between the two.
  const watching = watchDatabase(db, DATABASE_PATH, showMore, { clock, signal });
  show(ledger.newest(last, selection));
  await watching;
}

/** A list that has no end cannot make its columns as wide as their widest cell. */
function lineOf(entry: ListedEntry): string {
  return cellsOf(entry).map((cell, i) => {
    const { width, align } = COLUMNS[i]!;
    return align === "right" ? cell.padStart(width) : cell.padEnd(width);
  }).join("  ").trimEnd();
}
