import { yellow } from "@std/fmt/colors";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Agent } from "../agents.ts";
import { notesOf } from "../agents.ts";
import type { Command } from "../command.ts";
import { state, time } from "../format.ts";

export const agents: Command = {
  name: "agents",
  usage: "",
  summary: "List the agents: online, suspect or offline, since when and why",
  about:
    "An agent is online while its connection lives and its heartbeats come. It is suspect while one is\n" +
    "overdue, and offline, with the reason, when it said goodbye, its connection broke, or none came for long.\n" +
    "A note tells what somebody may have to act on: an agent that was cloned, one that waits for approval of\n" +
    "a new certificate, one that has yet to make a new key.",
  options: [],
  examples: [
    "sallyportctl agents",
    "sallyportctl agents --json | jq '.agents[] | select(.state == \"offline\")'",
    "sallyportctl agents --json | jq -r '.agents[] | select(.recovery.state == \"waiting\").id'",
  ],
  async run({ platform, result }) {
    result(await platform.call<{ agents: Agent[] }>("GET", "/agents"), ({ agents }) => {
      if (agents.length === 0) return "No agent yet. Make a bundle for one: sallyportctl enrolment create";
      const columns = ["NAME", "STATE", "SINCE", "VERSION", "CERTIFICATE", "ID", "NOTE"];
      return table(
        columns.map((title) => ({ title })),
        agents.map((agent) => [
          printable(agent.name),
          state(agent.state) + (agent.reason ? ` (${agent.reason})` : ""),
          time(agent.since),
          printable(agent.attributes["service.version"] ?? "-"),
          time(agent.certificateExpires),
          agent.id,
          notesOf(agent).map(yellow).join("; "),
        ]),
      );
    });
    return EXIT.ok;
  },
};
