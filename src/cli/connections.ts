import { EXIT } from "../base/exit_codes.ts";
import { usage } from "../base/command_line/command.ts";
import { table } from "../base/table.ts";
import { mayReach } from "../agent/browsing.ts";
import { CONNECTIONS_FILE } from "../agent/home.ts";
import { readConnections } from "../connectors/connections/connections.ts";
import type { Command } from "./command.ts";

/** `sallyport connections` */
export const connections: Command = {
  name: "connections",
  usage: "",
  summary: "List what can be browsed",
  about:
    "The connections of connections.yaml: what each leads to, and whether this edition may reach it. Hosts are\n" +
    "baked in when the executable is compiled, with --connect HOST:PORT. The file belongs to the operator; the\n" +
    "agent and its platform cannot change it.",
  options: [],
  examples: ["sallyport connections", "sallyport connections --json"],
  async run(context) {
    if (context.words.length > 0) throw usage("it takes no words: look at one with `connections check NAME`");
    const listed = await Promise.all(
      (await readConnections(CONNECTIONS_FILE)).map(async ({ name, kind, needs }) => ({
        name,
        kind,
        leadsTo: [...needs.hosts, ...needs.paths.slice(0, 1).map((path) => `data/${path}`)],
        permitted: (await Promise.all(needs.hosts.map(mayReach))).every((may) => may),
      })),
    );
    context.result(
      { connections: listed },
      () =>
        listed.length === 0
          ? `There are none: this home has no ${CONNECTIONS_FILE}, or it names none.`
          : table(
            ["CONNECTION", "KIND", "LEADS TO", "PERMITTED"].map((title) => ({ title })),
            listed.map(({ name, kind, leadsTo, permitted }) => [
              name,
              kind,
              leadsTo.join(" "),
              permitted ? "yes" : "not by this edition",
            ]),
          ),
    );
    return EXIT.ok;
  },
};
