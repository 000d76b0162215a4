import { svg, table } from "./dom.js";
import { mark, number, span } from "./format.js";

const COLUMNS = [
  { title: "Step" },
  { title: "In", number: true },
  { title: "Out", number: true },
  { title: "Failed", number: true },
  { title: "At work", number: true },
  { title: "Over the run's time" },
];

/** The steps of a run over its time: light from a step's first document to its last, full for its own work. */
export function waterfall({ startedAt, totalMs }, steps) {
  const from = Date.parse(startedAt);
  return table(
    "Steps",
    COLUMNS,
    steps.map((step) => [
      step.step,
      number(step.in),
      number(step.out),
      step.failed > 0 ? mark("bad", number(step.failed)) : "0",
      span(step.busyMs),
      step.startedAt ? bar(Date.parse(step.startedAt) - from, step, totalMs) : "not reached",
    ]),
  );
}

function bar(afterMs, { spanMs, busyMs }, totalMs) {
  const share = (ms) => `${Math.min(100, 100 * Math.max(0, ms) / Math.max(1, totalMs))}%`;
  const rect = (className, ms) =>
    svg("rect", { class: className, x: share(afterMs), y: "0", width: share(ms), height: "100%", rx: "2" });
  const words = `begins after ${span(afterMs)}, lasts ${span(spanMs)}, at work for ${span(busyMs)}`;
  return svg(
    "svg",
    { class: "bar", role: "img", "aria-label": words },
    svg("title", {}, words),
    rect("lasts", spanMs),
    rect("works", busyMs),
  );
}
