import { yellow } from "@std/fmt/colors";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Agent } from "../agents.ts";
import { agentNamed, conditionLines, notesOf } from "../agents.ts";
import type { Command } from "../command.ts";
import { facts, heading, state, time } from "../format.ts";

interface AgentDetail extends Agent {
  processes: { process: string; state: string; reason?: string }[];
}

export const agentsShow: Command = {
  name: "agents show",
  usage: "ID|NAME",
  summary: "Show one agent: its state and health, its certificate and key, its processes, and its clones",
  about:
    "A home that was copied gives two agents with one identity, who take turns. Each start of them is listed\n" +
    "with the address from which it came. Stop one, move its state/ away, and enrol it as an agent of its own.",
  options: [],
  examples: ["sallyportctl agents show till-7", "sallyportctl agents show till-7 --json | jq .clones"],
  async run(context) {
    const { id } = await agentNamed(this, context);
    context.result(await context.platform.call<AgentDetail>("GET", `/agents/${id}`), asText);
    return EXIT.ok;
  },
};

function asText(agent: AgentDetail): string {
  const { keyRotation, recovery, clones, processes } = agent;
  const attributes = Object.entries(agent.attributes).sort();
  const lines = [
    facts([
      ["Name", printable(agent.name)],
      ["Id", agent.id],
      [
        "State",
        state(agent.state) + (agent.reason ? ` (${agent.reason})` : "") + ` since ${time(agent.since)}`,
      ],
      ["Last seen", time(agent.lastSeen)],
      ["Enrolled", time(agent.enrolledAt)],
      ...agent.revokedAt ? [["Revoked", time(agent.revokedAt)] as const] : [],
      ["Certificate", `good until ${time(agent.certificateExpires)}`],
      ...recovery
        ? [["Recovery", `${recovery.state}; it came last at ${time(recovery.lastKnock)}`] as const]
        : [],
      ...keyRotation ? [["New key", rotation(keyRotation)] as const] : [],
      ...attributes.map(([key, value]) => [printable(key), printable(value)] as const),
    ]),
    ...notesOf(agent).map((note) => yellow(`\n${note}`)),
    ...conditionLines(agent),
  ];
  if (clones) {
    const rows = clones.starts.map((start) => [
      printable(start.id),
      printable(start.address),
      time(start.firstSeen),
      time(start.lastSeen),
      printable(Object.values(start.facts).join(" ")),
    ]);
    const columns = ["START", "FROM", "FIRST SEEN", "LAST SEEN", "WHAT IT SAYS OF ITSELF"];
    lines.push(
      "",
      heading(`Clones, since ${time(clones.since)}`),
      table(columns.map((title) => ({ title })), rows),
    );
  }
  if (processes.length > 0) {
    const rows = processes.map(({ process, state: is, reason }) => [
      printable(process),
      state(is),
      printable(reason ?? ""),
    ]);
    lines.push("", table([{ title: "PROCESS" }, { title: "STATE" }, { title: "REASON" }], rows));
  }
  return lines.join("\n");
}

function rotation({ state, requestedAt, requestedBy, doneAt }: NonNullable<Agent["keyRotation"]>): string {
  const request = `requested at ${time(requestedAt)} by ${printable(requestedBy)}`;
  return state === "done" ? `${request}, in use since ${time(doneAt)}` : `${request}, not made yet`;
}
