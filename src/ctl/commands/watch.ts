import { dim } from "@std/fmt/colors";
import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import type { StreamedEvent } from "../client.ts";
import type { Command } from "../command.ts";
import { state, time } from "../format.ts";

export const watch: Command = {
  name: "watch",
  usage: "",
  summary: "Show what happens, as it happens, until Ctrl-C",
  about:
    "Agents that come and go, are cloned or wait for approval, what is wrong with them, processes that they\n" +
    "take or refuse, runs that begin and end. With --json one object a line.",
  options: [],
  examples: ["sallyportctl watch", "sallyportctl watch --json | jq 'select(.type == \"run\")'"],
  async run({ platform, result, signal }) {
    for await (const event of platform.events(signal)) {
      result({ type: event.type, ...event.data }, () => asLine(event));
    }
    return EXIT.ok;
  },
};

function asLine({ type, data }: StreamedEvent): string {
  const text = (key: string) => printable(String(data[key] ?? ""));
  const reason = data.reason ? `: ${text("reason")}` : "";
  const codes = (data.conditions as { code?: string; component?: string }[] | undefined)
    ?.map(({ code, component }) => printable(code ?? component ?? "something"));
  const what: Record<string, () => string> = {
    health: () => `${text("name")} has ${codes?.length ? codes.join(", ") : "nothing wrong with it"}`,
    agent: () => `${text("name")} is ${state(text("state"))}${reason}`,
    clones: () =>
      `${text("name")} ${data.state === "found" ? "was cloned" : "has no clones any more"}${reason}`,
    recovery: () =>
      `${text("name")} ${
        data.state === "waiting" ? "waits for approval" : "was approved"
      } (its certificate expired)`,
    "key-rotation": () =>
      `${text("name")} ${data.state === "done" ? "uses a new key" : "was asked for a new key"}`,
    process: () => `${text("process")} is ${state(text("state"))} on ${text("agent")}${reason}`,
    published: () =>
      `${text("process")} was ${data.version ? `published, version ${text("version")}` : "removed"}`,
    request: () =>
      `${text("requester")} asks ${text("agentName")} for ${text("channel")}: ${
        state(text("state"))
      }${reason}`,
    gap: () => `${text("records")} ${text("class")} records of ${text("agentName")} were lost${reason}`,
    run: () => `${text("id")} ${data.kind === "run-started" ? "began" : "ended"} on ${text("agent")}`,
  };
  return `${dim(time(text("at")))}  ${type.padEnd(12)}  ${what[type]?.() ?? printable(JSON.stringify(data))}`;
}
