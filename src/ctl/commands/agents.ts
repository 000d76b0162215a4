import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { finding, printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { heading, state, time } from "../format.ts";

interface Agent {
  id: string;
  name: string;
  state: string;
  reason?: string;
  since: string;
  attributes: Record<string, string>;
  certificateExpires?: string;
  health?: { conditions: Condition[] };
}

/** What an agent says is wrong with it. */
interface Condition {
  code?: string;
  severity: string;
  component?: string;
  since?: string;
  reason: string;
  remedy?: string;
}

const COLUMNS = ["NAME", "STATE", "HEALTH", "SINCE", "VERSION", "CERTIFICATE", "ID"];

export const agents: Command = {
  name: "agents",
  usage: "",
  summary: "List the agents: online, suspect or offline, since when and why, and what is wrong with them",
  about:
    "An agent is online while its connection lives and its heartbeats come. It is suspect while one is\n" +
    "overdue, and offline, with the reason, when it said goodbye, its connection broke, or none came for long.\n" +
    "What agents say is wrong with them stands below the list, with what to do; docs/health.md has all the codes.",
  options: [],
  examples: [
    "sallyportctl agents",
    "sallyportctl agents --json | jq '.agents[] | select(.state == \"offline\")'",
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
        ]),
      );
      return [list, ...agents.flatMap(conditionLines)].join("\n");
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

function conditionLines({ name, health }: Agent): string[] {
  return (health?.conditions ?? []).map(({ code, severity, component, since, reason, remedy }) => {
    const what = [code ?? severity, ...component ? [`(${component})`] : []].map(printable).join(" ");
    const title = `${heading(printable(name))}: ${what}${since ? ` since ${time(since)}` : ""}`;
    return `\n${finding(title, reason, remedy)}`;
  });
}
