import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";
import { time } from "../format.ts";

interface Gap {
  agentName: string;
  class: string;
  records: number;
  first?: string;
  last: string;
  why: string;
}

export const gaps: Command = {
  name: "gaps",
  usage: "",
  summary: "List records that agents lost before they could send them, newest first",
  about:
    "An agent keeps what it cannot send, within bounds. What it loses it counts, and tells in its place: how many\n" +
    "records, from when to when, and why. Nothing here means that nothing was lost.",
  options: [
    { name: "agent", value: "ID", summary: "Only those of this agent" },
    { name: "limit", value: "N", summary: "How many (default 50, at most 500)" },
  ],
  examples: ["sallyportctl gaps", "sallyportctl gaps --json | jq '[.gaps[].records] | add'"],
  async run(context) {
    const { platform, result } = context;
    const query = new URLSearchParams(given(context, ["agent", "limit"]));
    result(await platform.call<{ gaps: Gap[] }>("GET", `/gaps?${query}`), ({ gaps }) => {
      if (gaps.length === 0) return "No record was lost.";
      return table(
        [
          { title: "AGENT" },
          { title: "CLASS" },
          { title: "RECORDS", align: "right" },
          { title: "FROM" },
          { title: "TO" },
          { title: "WHY" },
        ],
        gaps.map((gap) => [
          printable(gap.agentName),
          gap.class,
          String(gap.records),
          time(gap.first),
          time(gap.last),
          gap.why,
        ]),
      );
    });
    return EXIT.ok;
  },
};
