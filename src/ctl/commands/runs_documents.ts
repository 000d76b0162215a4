import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";
import { state, time } from "../format.ts";

interface Document {
  name: string;
  row: number;
  result: string;
  fields: Record<string, string>;
  cut: string[];
}

interface Page {
  documents: Document[];
  total: number;
  beyond: number;
  until?: string;
  next?: number;
}

/** Longer values are for `--json`: a table should stay one. */
const MAX_SHOWN_CHARS = 40;

export const runsDocuments: Command = {
  name: "runs documents",
  usage: "ID",
  summary: "Show the fields that a process tracks of the documents of one run",
  about:
    "There are some where the process has a section `track` and the policy of the agent's owner allows the class\n" +
    "`data`. They are production data: the platform notes in its audit who looks, and forgets them when their time\n" +
    "is over. A page at a time; the next one begins with the --offset that is shown below the list.",
  options: [
    { name: "limit", value: "N", summary: "How many (default 200, at most 1000)" },
    { name: "offset", value: "N", summary: "How many to pass over" },
  ],
  examples: [
    "sallyportctl runs documents 01980000-0000-7000-8000-000000000000",
    "sallyportctl runs documents ID --json | jq '.documents[] | select(.result == \"failed\").fields'",
  ],
  async run(context) {
    const { platform, result, words } = context;
    const id = oneWord(this, words);
    const query = new URLSearchParams(given(context, ["limit", "offset"]));
    const path = `/runs/${encodeURIComponent(id)}/documents?${query}`;
    result(await platform.call<Page>("GET", path), asText);
    return EXIT.ok;
  },
};

function asText({ documents, total, beyond, until, next }: Page): string {
  if (total === 0) return "Nothing is known of the documents of this run.";
  const names = [...new Set(documents.flatMap(({ fields }) => Object.keys(fields)))];
  const columns = ["FILE", "ROW", "RESULT", ...names.map(printable)].map((title) => ({
    title,
    align: title === "ROW" ? "right" as const : "left" as const,
  }));
  const rows = documents.map(({ name, row, result, fields, cut }) => [
    printable(name),
    String(row),
    state(result),
    ...names.map((field) => shown(fields[field], cut.includes(field))),
  ]);
  const more = beyond > 0 ? `, and ${beyond} more documents of which nothing was taken` : "";
  return [
    table(columns, rows),
    "",
    `${documents.length} of ${total} documents${more}; forgotten after ${time(until)}`,
    ...next === undefined ? [] : [`More: --offset ${next}`],
  ].join("\n");
}

function shown(value: string | undefined, isCut: boolean): string {
  if (value === undefined) return "-";
  const text = value.slice(0, MAX_SHOWN_CHARS);
  return printable(text) + (isCut || text.length < value.length ? "…" : "");
}
