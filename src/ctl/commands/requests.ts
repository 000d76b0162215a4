import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Request } from "../answers/requests.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";
import { bytes, state, time } from "../format.ts";

const FILTERS = ["agent", "state", "limit"] as const;

export const requests: Command = {
  name: "requests",
  usage: "",
  summary: "List what was asked of agents, by whom and why, newest first",
  about: "A request is queued while its agent is away, and waiting while somebody there has to approve it.",
  options: [
    { name: "agent", value: "ID", summary: "Only of this agent" },
    {
      name: "state",
      value: "STATE",
      summary: "queued, sent, waiting, answering, answered, refused, failed, ...",
    },
    { name: "limit", value: "N", summary: "How many (default 50, at most 500)" },
  ],
  examples: ["sallyportctl requests --state waiting"],
  async run(context) {
    const { platform, result } = context;
    const query = new URLSearchParams(given(context, FILTERS));
    const found = await platform.call<{ requests: Request[] }>("GET", `/requests?${query}`);
    result(found, ({ requests }) => {
      if (requests.length === 0) return "Nothing was asked (yet).";
      return table(
        ["ASKED", "AGENT", "CHANNEL", "REQUESTER", "STATE", "ANSWER", "ID"].map((title) => ({ title })),
        requests.map(({ askedAt, agentName, channel, requester, state: at, answer, outcome, id }) => [
          time(askedAt),
          printable(agentName),
          channel,
          printable(requester),
          state(at) + (outcome?.code ? ` (${printable(outcome.code)})` : ""),
          answer.records === 0 ? "-" : `${answer.records} records, ${bytes(answer.bytes)}`,
          id,
        ]),
      );
    });
    return EXIT.ok;
  },
};
