import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { state, time } from "../format.ts";

interface Process {
  name: string;
  version: number;
  publishedAt: string;
  agents: "all" | string[];
  onAgents: { agentName: string; agentState: string; state: string; reason?: string }[];
}

export const processes: Command = {
  name: "processes",
  usage: "",
  summary: "List the processes and what became of each on each agent",
  about:
    "`active`: the agent runs the newest text. `pending`: it has not answered yet. `rejected`: it refused\n" +
    "the text and goes on with what it had.",
  options: [],
  examples: ["sallyportctl processes"],
  async run({ platform, result }) {
    result(await platform.call<{ processes: Process[] }>("GET", "/processes"), ({ processes }) => {
      if (processes.length === 0) return "No process yet. Publish one: sallyportctl process publish FILE";
      const rows = processes.flatMap(({ name, version, publishedAt, onAgents }) => {
        const head = [printable(name), String(version), time(publishedAt)];
        if (onAgents.length === 0) return [[...head, "-", "no agent yet", ""]];
        return onAgents.map((on, i) => [
          ...(i === 0 ? head : ["", "", ""]),
          printable(on.agentName),
          state(on.state) + (on.agentState === "online" ? "" : ` (${on.agentState})`),
          printable(on.reason ?? ""),
        ]);
      });
      return table(
        [{ title: "PROCESS" }, { title: "VERSION", align: "right" }, { title: "PUBLISHED" }, {
          title: "AGENT",
        }, {
          title: "STATE",
        }, { title: "REASON" }],
        rows,
      );
    });
    return EXIT.ok;
  },
};
