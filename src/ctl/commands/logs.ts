import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { LogRecord } from "../../protocol/payloads/logs.ts";
import { ask, ASK_OPTIONS } from "../answers/ask.ts";
import { LogText } from "../answers/log_text.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";
import type { Run } from "./run.ts";

const FILTERS = ["level", "step", "since", "until"] as const;

export const logs: Command = {
  name: "logs",
  usage: "RUN",
  summary: "Ask the agent of a run for its log: what each step took, and what was said",
  about:
    "The agent's owner decides whether it is answered; while somebody there has to approve it, this waits.\n" +
    "The ids of runs are in the list of `sallyportctl runs`. With --json one object a line, as it comes.",
  options: [
    { name: "follow", summary: "Go on with what a running run writes, up to its end" },
    {
      name: "level",
      value: "LEVEL",
      summary: "Only messages of this level and above: debug, info, warning, error",
    },
    { name: "step", value: "STEP", summary: "Only messages of this step: source, sink, steps[0].map or map" },
    { name: "since", value: "TIME", summary: "Only messages from then on, as ISO 8601 in UTC" },
    { name: "until", value: "TIME", summary: "Only messages before then" },
    ...ASK_OPTIONS,
  ],
  examples: [
    'sallyportctl logs 01980000-0000-7000-8000-000000000000 --reason "orders of Monday are missing"',
    "sallyportctl logs 01980000-0000-7000-8000-000000000000 --follow --level warning",
    "sallyportctl logs 01980000-0000-7000-8000-000000000000 --output run.ndjson.gz",
  ],
  async run(context) {
    const { platform, flag } = context;
    const runId = oneWord(logs, context.words);
    const { agent } = await platform.call<Run>("GET", `/runs/${encodeURIComponent(runId)}`);
    const text = new LogText();
    const parameters = { runId, ...given(context, FILTERS), ...(flag("follow") ? { follow: true } : {}) };
    await ask<LogRecord>(context, {
      agent,
      channel: "logs",
      parameters,
      show: (record) => text.show(record),
    });
    text.end();
    return EXIT.ok;
  },
};
