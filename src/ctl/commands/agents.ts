import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { state, time } from "../format.ts";

interface Agent {
  id: string;
  name: string;
  state: string;
  reason?: string;
  since: string;
  attributes: Record<string, string>;
  certificateExpires?: string;
}

export const agents: Command = {
  name: "agents",
  usage: "",
  summary: "List the agents: online, suspect or offline, since when and why",
  about:
    "An agent is online while its connection lives and its heartbeats come. It is suspect while one is\n" +
    "overdue, and offline, with the reason, when it said goodbye, its connection broke, or none came for long.",
  options: [],
  examples: [
    "sallyportctl agents",
    "sallyportctl agents --json | jq '.agents[] | select(.state == \"offline\")'",
  ],
  async run({ platform, result }) {
    result(await platform.call<{ agents: Agent[] }>("GET", "/agents"), ({ agents }) => {
      if (agents.length === 0) return "No agent yet. Make a bundle for one: sallyportctl enrolment create";
      return table(
        [{ title: "NAME" }, { title: "STATE" }, { title: "SINCE" }, { title: "VERSION" }, {
          title: "CERTIFICATE",
        }, {
          title: "ID",
        }],
        agents.map((agent) => [
          printable(agent.name),
          state(agent.state) + (agent.reason ? ` (${agent.reason})` : ""),
          time(agent.since),
          printable(agent.attributes["service.version"] ?? "-"),
          time(agent.certificateExpires),
          agent.id,
        ]),
      );
    });
    return EXIT.ok;
  },
};
