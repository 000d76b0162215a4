import { dim, red } from "@std/fmt/colors";
import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { finding, printable } from "../../base/terminal.ts";
import type { ErrorRecord } from "../../protocol/payloads/errors.ts";
import { ask, ASK_OPTIONS } from "../answers/ask.ts";
import type { Command } from "../command.ts";
import { facts, state, time } from "../format.ts";
import type { Run } from "./run.ts";

export const errors: Command = {
  name: "errors",
  usage: "RUN",
  summary: "Ask the agent of a run what went wrong in it: codes, places, causes, and what to do",
  about: "The agent's owner decides whether it is answered. What stands in documents does not come with it.",
  options: ASK_OPTIONS,
  examples: ["sallyportctl errors 01980000-0000-7000-8000-000000000000 --json | jq -r .code"],
  async run(context) {
    const runId = oneWord(errors, context.words);
    const { agent } = await context.platform.call<Run>("GET", `/runs/${encodeURIComponent(runId)}`);
    const show = (record: ErrorRecord) => console.log(asText(record));
    await ask<ErrorRecord>(context, { agent, channel: "errors", parameters: { runId }, show });
    return EXIT.ok;
  },
};

function asText(record: ErrorRecord): string {
  switch (record.kind) {
    case "run":
      return facts([
        ["run", record.runId],
        ["process", printable(record.process)],
        ["outcome", state(record.outcome ?? "running")],
        ["started", time(record.startedAt)],
        ["failed", `${record.documents?.failed ?? "?"} documents`],
      ]);
    case "error": {
      const causes = record.causes.map(({ name, message = "" }) => `because of ${name}: ${message}`);
      const place = record.file ? ` in ${printable(`${record.file.directory}/${record.file.name}`)}` : "";
      const title = red(`${printable(record.code)} ended the ${record.scope}${place}`);
      return `\n${finding(title, [record.message, ...causes].join("\n"), record.remedy)}`;
    }
    case "document": {
      const { file, row, line, step, code, message } = record;
      const place = `${file.directory}/${file.name}, row ${row} (line ${line})`;
      return `\n${
        finding(`${red(printable(code))} in ${printable(step)}: ${printable(place)}`, message, record.remedy)
      }`;
    }
    case "more":
      return dim(`... and ${record.documents} more: ${printable(record.code)} in ${printable(record.step)}`);
    case "missing":
      return dim("Of some of what failed, no details are kept.");
  }
}
