import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import type { Request } from "../answers/requests.ts";
import type { Command } from "../command.ts";
import { bytes, facts, state, time } from "../format.ts";

export const requestsShow: Command = {
  name: "requests show",
  usage: "ID",
  summary: "Show one request, and how it ended",
  about: "The ids are in the list of `sallyportctl requests`.",
  options: [],
  examples: ["sallyportctl requests show 01980000-0000-7000-8000-000000000000"],
  async run({ platform, result, words }) {
    const id = oneWord(requestsShow, words);
    result(await platform.call<Request>("GET", `/requests/${encodeURIComponent(id)}`), describe);
    return EXIT.ok;
  },
};

/** All that there is to say of a request. */
export function describe(request: Request): string {
  const { id, agent, agentName, channel, parameters, requester, reason, askedAt, deadline, outcome, answer } =
    request;
  return facts([
    ["request", id],
    ["agent", `${printable(agentName)} (${agent})`],
    ["channel", channel],
    ["parameters", printable(JSON.stringify(parameters))],
    ["requester", printable(requester)],
    ["reason", printable(reason) || "-"],
    ["asked", time(askedAt)],
    ["deadline", time(deadline)],
    ["state", state(request.state)],
    ...outcome ? [["ended", time(outcome.at)] as const] : [],
    ...outcome?.code ? [["why", printable(`${outcome.reason} (${outcome.code})`)] as const] : [],
    [
      "answer",
      `${answer.records} records, ${bytes(answer.bytes)}${answer.kept ? "" : ", not kept any more"}`,
    ],
  ]);
}
