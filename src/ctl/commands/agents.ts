import { yellow } from "@std/fmt/colors";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Agent } from "../agents.ts";
import { conditionLines, notesOf } from "../agents.ts";
import type { Command } from "../command.ts";
import { state, time } from "../format.ts";

const COLUMNS = ["NAME", "STATE", "HEALTH", "SINCE", "VERSION", "CERTIFICATE", "ID", "NOTE"];

export const agents: Command = {
  name: "agents",
  usage: "",
  summary: "List the agents: online, suspect or offline, since when and why, and what is wrong with them",
  about:
    "An agent is online while its connection lives and its heartbeats come. It is suspect while one is\n" +
    "overdue, and offline, with the reason, when it said goodbye, its connection broke, or none came for long.\n" +
    "A note tells what somebody may have to act on: an agent that was cloned, one that waits for approval of\n" +
    "a new certificate, one that has yet to make a new key. What agents say is wrong with them stands below the\n" +
    "list, with what to do; docs/health.md has all the codes.",
  options: [],
  examples: [
    "sallyportctl agents",
    "sallyportctl agents --json | jq '.agents[] | select(.state == \"offline\")'",
    "sallyportctl agents --json | jq -r '.agents[] | select(.recovery.state == \"waiting\").id'",
    "sallyportctl agents --json | jq '.agents[] | {name, conditions: .health.conditions}'",
  ],
  async run({ platform, result }) {
    result(await platform.call<{ agents: Agent[] }>("GET", "/agents"), ({ agents }) => {
      if (agents.length === 0) return "No agent yet. Make a bundle for one: sallyportctl enrolment create";
      const list = table(
        COLUMNS.map((title) => ({ title })),
        agents.map((agent) => [
          printable(agent.name),
          state(agent.state) + (agent.reason ? ` (${agent.reason})` : ""),
          healthOf(agent),
          time(agent.since),
          printable(agent.attributes["service.version"] ?? "-"),
          time(agent.certificateExpires),
          agent.id,
          notesOf(agent).map(yellow).join("; "),
        ]),
      );
      return [list, ...agents.flatMap((agent) => conditionLines(agent))].join("\n");
    });
    return EXIT.ok;
  },
};

/** In one word. An agent that is gone cannot say that nothing is wrong with it. */
function healthOf({ state: presence, health }: Agent): string {
  if (!health) return "-";
  const severities = new Set(health.conditions.map(({ severity }) => severity));
  if (severities.has("error")) return state("unhealthy");
  if (severities.has("warning")) return state("warning");
  return presence === "offline" ? "-" : state("healthy");
}
