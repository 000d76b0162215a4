import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import type { LogStep, LogSummary } from "../protocol/payloads/logs.ts";
import { seconds } from "./run_records.ts";

const WIDTH = 30;

/** The steps of a run as a table with bars: when each was there, and for how much of that it was at work itself. */
export function waterfall(
  { startedAt, totalMs }: Pick<LogSummary, "startedAt" | "totalMs">,
  steps: readonly LogStep[],
): string {
  const total = Math.max(1, totalMs);
  const from = (step: LogStep) =>
    step.startedAt === undefined ? undefined : Date.parse(step.startedAt) - Date.parse(startedAt);
  const titles = ["Step", "Start", "At work", "In", "Out", "Failed", ""];
  return table(
    titles.map((title, i) => ({ title, align: i > 0 && i < 6 ? "right" : "left" })),
    steps.map((step) => {
      const start = from(step);
      return [
        printable(step.step),
        start === undefined ? "" : `+${seconds(start)}`,
        seconds(step.busyMs),
        ...[step.in, step.out, step.failed].map(String),
        start === undefined ? "" : bar(start / total, step.spanMs / total, step.busyMs / total),
      ];
    }),
  );
}

/** Each as a share of the run's time. */
function bar(start: number, span: number, busy: number): string {
  const cells = (share: number) => Math.round(Math.min(1, Math.max(0, share)) * WIDTH);
  const before = Math.min(cells(start), WIDTH - 1);
  const length = Math.min(Math.max(1, cells(span)), WIDTH - before);
  const solid = Math.min(cells(busy), length);
  return " ".repeat(before) + "█".repeat(solid) + "░".repeat(length - solid);
}
