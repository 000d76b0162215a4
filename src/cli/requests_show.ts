import { EXIT } from "../base/exit_codes.ts";
import { printable } from "../base/terminal.ts";
import type { Command } from "./command.ts";
import { paintState } from "./requests.ts";
import type { ShownRequest } from "./requests_found.ts";
import { shown, withRequest } from "./requests_found.ts";

/** `sallyport requests show ID` */
export const requestsShow: Command = {
  name: "requests show",
  usage: "ID",
  summary: "Show one request: who asks for what, why, and what became of it",
  about: "ID is the request's id, or its end, as long as only one has it.",
  options: [],
  examples: ["sallyport requests show 9f3c1a2b44d0"],
  async run(context) {
    const request = await withRequest(requestsShow, context, shown);
    context.result(request, asText);
    return EXIT.ok;
  },
};

function asText(request: ShownRequest): string {
  const { id, class: name, requester, reason, parameters, state, receivedAt, deadline, approval } = request;
  const facts = [
    ["request", id],
    ["class", name],
    ["requester", printable(requester)],
    ["reason", printable(reason) || "-"],
    ["parameters", printable(JSON.stringify(parameters))],
    ["came", receivedAt],
    ["deadline", deadline],
    ["state", paintState(state)],
    ...approval === null ? [] : [["approved by", APPROVED_BY[approval] ?? approval]],
    ...request.endedAt === null ? [] : [["ended", request.endedAt]],
    ...request.code === null ? [] : [["why", printable(`${request.words} (${request.code})`)]],
    ["sent", `${request.sent.records} records, ${request.sent.bytes} bytes`],
  ];
  return facts.map(([key = "", value = ""]) => `${key.padEnd(12)} ${value}`).join("\n");
}

const APPROVED_BY: Record<string, string> = {
  policy: "the policy, which allows it",
  person: "somebody here",
  standing: "an approval for a time",
};
