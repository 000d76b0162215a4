import uPlot from "./uplot.js";
import { h } from "./dom.js";
import { number } from "./format.js";

const MINUTES = 60;

/** A chart of documents by minute: those that went through, and those that failed on top. */
export function createChart(container) {
  const quiet = h("p", { class: "hint" }, "Nothing ran in the last hour.");
  const plot = h("div");
  container.append(plot, quiet);
  let chart;
  let data = [[], [], []];

  const draw = () => {
    chart?.destroy();
    chart = new uPlot(options(plot.clientWidth || 300), data, plot);
  };
  new ResizeObserver(() => chart?.setSize({ width: plot.clientWidth, height: 180 })).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    /** Takes the API's activity; minutes without a run's end stay empty. */
    update({ now, minutes }) {
      const last = Math.floor(Date.parse(now) / 60_000);
      const byMinute = new Map(minutes.map((m) => [Math.floor(Date.parse(m.minute) / 60_000), m]));
      const all = Array.from({ length: MINUTES }, (_, i) => last - MINUTES + 1 + i);
      data = [
        all.map((minute) => minute * 60),
        all.map((minute) => byMinute.get(minute)?.out || null),
        all.map((minute) => byMinute.get(minute)?.failed || null),
      ];
      quiet.hidden = minutes.length > 0;
      plot.hidden = minutes.length === 0;
      if (minutes.length === 0) return;
      if (chart) chart.setData(data);
      else draw();
    },
  };
}

const hourAndMinute = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const clockTime = (seconds) => hourAndMinute.format(seconds * 1000);

function options(width) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  const bars = uPlot.paths.bars({ size: [0.7, 14], radius: 0.2 });
  const series = (label, name) => ({
    label,
    stroke: colour(name),
    fill: colour(name),
    paths: bars,
    points: { show: false },
    value: (_, value) => value === null || value === undefined ? "–" : number(value),
  });
  return {
    width,
    height: 180,
    cursor: { drag: { x: false, y: false } },
    axes: [{ ...axis, values: (_, ticks) => ticks.map(clockTime) }, {
      ...axis,
      size: 64,
      values: (_, ticks) => ticks.map(number),
    }],
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    series: [
      { value: (_, seconds) => seconds ? clockTime(seconds) : "–" },
      series("documents out", "--accent"),
      series("failed", "--bad"),
    ],
  };
}
