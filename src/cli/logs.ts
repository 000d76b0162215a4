import { dim, red, yellow } from "@std/fmt/colors";
import { isoTime } from "../base/clock.ts";
import { oneWord, usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { logText } from "../base/log.ts";
import { printable } from "../base/terminal.ts";
import { readRunLog } from "../engine/logs/read.ts";
import type {
  LogGap,
  LogMessage,
  LogQuery,
  LogRecord,
  LogStep,
  LogSummary,
  RunLogLevel,
} from "../protocol/payloads/logs.ts";
import { RUN_LOG_LEVELS } from "../protocol/payloads/logs.ts";
import type { Command, CommandContext } from "./command.ts";
import { MOMENT, momentOf } from "./moment.ts";
import { LineOutput, outcomeText, seconds, showJson, withRuns } from "./run_records.ts";
import { waterfall } from "./waterfall.ts";

/** `sallyport logs RUN` */
export const logs: Command = {
  name: "logs",
  usage: "RUN",
  summary: "Show the log of a run: how long each step took, and what was said",
  about: `Shows the run as a whole first: its time, its steps, its error. Then its messages, oldest first.
Documents stream through all steps together, so the bars of steps lie over one another: the solid part
is the time that a step was at work itself. Messages never hold what stands in a document.
"sallyport runs" lists the runs; "sallyport errors RUN" tells what went wrong in detail.`,
  options: [
    { name: "follow", summary: "Go on with what a running run writes, up to its end" },
    {
      name: "level",
      value: "LEVEL",
      summary: "Only messages of this level and above: debug, info, warning, error",
    },
    {
      name: "step",
      value: "STEP",
      summary: "Only messages of this step: source, sink, steps[0].map, steps[0] or map",
    },
    { name: "since", value: "WHEN", summary: `Only messages from then on: ${MOMENT}` },
    { name: "until", value: "WHEN", summary: `Only messages before then: ${MOMENT}` },
  ],
  examples: [
    "sallyport logs 01890a5d-ac96-774b-bcce-b302099a8057",
    "sallyport logs 01890a5d-ac96-774b-bcce-b302099a8057 --follow --level warning",
    "sallyport logs 01890a5d-ac96-774b-bcce-b302099a8057 --json | jq 'select(.kind == \"step\")'",
  ],
  async run(context) {
    const query = queryOf(context);
    const { clock, json, signal } = context;
    const show = json ? showJson : showText;
    await withRuns(clock, (source) => show(readRunLog(query, source, signal), query.follow!));
    return EXIT.ok;
  },
};

function queryOf({ words, option, flag, clock }: CommandContext): LogQuery {
  const [level, step] = [option("level"), option("step")];
  const moment = (name: "since" | "until") => {
    const text = option(name);
    return text === undefined ? {} : { [name]: isoTime(momentOf(name, text, clock.now(), 0)) };
  };
  return {
    runId: oneWord(logs, words),
    follow: flag("follow"),
    ...(level === undefined ? {} : { level: levelOf(level) }),
    ...(step === undefined ? {} : { step }),
    ...moment("since"),
    ...moment("until"),
  };
}

/** @throws {SallyportError} `usage` */
export function levelOf(text: string): RunLogLevel {
  const level = RUN_LOG_LEVELS.find((level) => level === text);
  if (level === undefined) {
    throw usage(`there is no level "${text}". Known are: ${RUN_LOG_LEVELS.join(", ")}`);
  }
  return level;
}

/** The run as a whole, and then its messages; of a run that was followed, the whole once more at its end. */
async function showText(records: AsyncIterable<LogRecord>, follow: boolean): Promise<void> {
  const output = new LineOutput();
  let summary: LogSummary | undefined;
  let steps: LogStep[] = [];
  let isShown = false;
  for await (const record of records) {
    if (record.kind === "summary") {
      if (summary && !isShown) await output.line(overview(summary, steps));
      isShown ||= summary !== undefined;
      [summary, steps] = [record, []];
    } else if (record.kind === "step") steps.push(record);
    else {
      if (!isShown) await output.line(overview(summary!, steps));
      isShown = true;
      if (!await output.line(record.kind === "gap" ? gapText(record) : messageText(record), follow)) {
        return;
      }
    }
  }
  if (!isShown || follow) await output.line(overview(summary!, steps));
  await output.end();
}

function overview(summary: LogSummary, steps: readonly LogStep[]): string {
  const { runId, process, startedAt, outcome, documents, totalMs, levels, error } = summary;
  const counts = RUN_LOG_LEVELS.filter((level) => levels[level] > 0).map((level) =>
    `${levels[level]} ${level}`
  );
  const lines = [
    `${process} ${outcomeText(outcome)} ${outcome === undefined ? "for" : "in"} ${seconds(totalMs)} ` +
    dim(`since ${startedAt}, run ${runId}`),
  ];
  if (documents) {
    const { in: read, out, filtered, failed } = documents;
    lines.push(`${read} documents in, ${out} out, ${filtered} filtered, ${failed} failed`);
  }
  if (counts.length > 0) lines.push(`Messages: ${counts.join(", ")}`);
  if (error) lines.push(red(printable(`${error.code}: ${error.message}`)));
  if (steps.length > 0) lines.push("", waterfall(summary, steps));
  return [...lines, ""].join("\n");
}

function messageText({ time, level, step, message, facts = {} }: LogMessage): string {
  const all = step === undefined ? facts : { step, ...facts };
  return logText(time, level === "warning" ? "warn" : level, printable(message), all);
}

const GAPS: Record<LogGap["reason"], string> = {
  "over-cap": "were removed: the run wrote more than is kept",
  "unwritable": "could not be written, as on a full disk",
  "damaged": "are damaged",
  "cut-short": "are missing: the agent was killed while it wrote",
};

function gapText({ reason, records, bytes }: LogGap): string {
  const lines = records === 0 ? "the last lines" : `${records} lines (${bytes} bytes)`;
  return yellow(`-- ${lines} ${GAPS[reason]} --`);
}
