import { blue, dim, red, yellow } from "@std/fmt/colors";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type {
  LogMessage,
  LogRecord,
  LogStep,
  LogSummary,
  RunLogLevel,
} from "../../protocol/payloads/logs.ts";
import { duration, facts, state, time } from "../format.ts";

const PAINT: Record<RunLogLevel, (text: string) => string> = {
  debug: dim,
  info: blue,
  warning: yellow,
  error: red,
};

/** The log of a run for people: the run and its steps as a table, then the messages line by line. */
export class LogText {
  #summary: LogSummary | undefined;
  #steps: LogStep[] = [];

  /** Shows a record, once what it belongs to is complete. */
  show(record: LogRecord): void {
    if (record.kind === "summary") {
      this.end();
      this.#summary = record;
    } else if (record.kind === "step") this.#steps.push(record);
    else {
      this.end();
      if (record.kind === "message") console.log(messageLine(record));
      else console.log(yellow(`... lines are missing here (${record.reason}): ${record.records} at least`));
    }
  }

  /** Shows what has not been shown yet. */
  end(): void {
    if (this.#summary) console.log(`${overview(this.#summary)}\n${stepTable(this.#steps)}`);
    this.#summary = undefined;
    this.#steps = [];
  }
}

function overview(
  { runId, process, version, outcome, startedAt, endedAt, documents, error }: LogSummary,
): string {
  return facts([
    ["run", runId],
    ["process", printable(`${process} ${version}`)],
    ["outcome", state(outcome ?? "running")],
    ["started", time(startedAt)],
    ["took", duration(startedAt, endedAt)],
    ...documents
      ? [["documents", `${documents.in} in, ${documents.out} out, ${documents.failed} failed`] as const]
      : [],
    ...error ? [["error", red(printable(`${error.code}: ${error.message}`))] as const] : [],
  ]);
}

function stepTable(steps: readonly LogStep[]): string {
  if (steps.length === 0) return "";
  const titles = ["STEP", "SPAN", "AT WORK", "IN", "OUT", "FAILED"];
  return `\n${
    table(
      titles.map((title, i) => ({ title, align: i === 0 ? "left" : "right" })),
      steps.map(({ step, spanMs, busyMs, in: read, out, failed }) => [
        printable(step),
        `${spanMs} ms`,
        `${busyMs} ms`,
        ...[read, out, failed].map(String),
      ]),
    )
  }\n`;
}

function messageLine({ time: at, level, step, message, facts: more = {} }: LogMessage): string {
  const tail = Object.entries(more).map(([key, value]) =>
    dim(`${printable(key)}=`) + printable(String(value))
  );
  const where = step === undefined ? [] : [dim(printable(step))];
  return [dim(at.slice(11, 23)), PAINT[level](level.padEnd(7)), ...where, printable(message), ...tail].join(
    " ",
  );
}
