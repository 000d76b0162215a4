import { facts, h, replace, table } from "./dom.js";
import { badge, mark, number, span } from "./format.js";
import { waterfall } from "./waterfall.js";

const LEVELS = ["debug", "info", "warning", "error"];
const KIND = { debug: "busy", info: "good", warning: "warn", error: "bad" };
/** What a page can show without getting slow; the file has all. */
const MAX_SHOWN = 500;

const MISSING = {
  "over-cap": "the run wrote more than is kept",
  unwritable: "they could not be written",
  damaged: "they cannot be read",
  "cut-short": "the agent was killed while it wrote",
};

/** Shows the log of a run as it comes: summary, steps, messages from a level on. */
export function logView() {
  const [summary, steps, messages] = [h("div"), h("div"), h("div")];
  const byStep = new Map();
  const lines = [];
  let told;
  const level = h(
    "select",
    { id: "log-level", onchange: () => showMessages() },
    LEVELS.map((name) => h("option", { value: name, selected: name === "info" }, `${name} and above`)),
  );
  const showMessages = () => {
    const least = LEVELS.indexOf(level.value);
    const fit = lines.filter((line) => line.kind === "gap" || LEVELS.indexOf(line.level) >= least);
    const earlier = fit.length - MAX_SHOWN;
    replace(
      messages,
      earlier > 0 && h("p", { class: "hint" }, `${number(earlier)} earlier ones are in the file.`),
      fit.length === 0
        ? h("p", { class: "hint" }, "No message of this level.")
        : table("Messages", MESSAGE_COLUMNS, fit.slice(-MAX_SHOWN).map(describeLine)),
    );
  };
  return {
    element: h(
      "div",
      {},
      summary,
      steps,
      h(
        "div",
        { class: "title" },
        h("h3", {}, "Messages"),
        h("label", { for: "log-level", class: "hidden" }, "Level"),
        level,
      ),
      messages,
    ),
    add(record) {
      if (record.kind === "summary") told = record;
      else if (record.kind === "step") byStep.set(record.step, record);
      else lines.push(record);
    },
    show() {
      if (!told) return;
      replace(summary, describeSummary(told));
      replace(steps, h("h3", {}, "Steps"), waterfall(told, [...byStep.values()]));
      showMessages();
    },
  };
}

function describeSummary({ totalMs, outcome, levels, error }) {
  const counted = LEVELS.filter((name) => levels[name] > 0);
  return [
    error && h("p", { class: "error" }, `${error.code}: ${error.message}`),
    facts([
      ["Total time", span(totalMs)],
      ["Outcome", badge(outcome ?? "running")],
      [
        "Messages",
        counted.length === 0 ? "none" : counted.map((name) => `${number(levels[name])} ${name}`).join(", "),
      ],
    ]),
  ];
}

const MESSAGE_COLUMNS = [{ title: "Time" }, { title: "Level" }, { title: "Step" }, { title: "Message" }];

function describeLine(line) {
  if (line.kind === "gap") {
    const some = line.records === 0 ? "Lines" : `${number(line.records)} lines`;
    return ["", mark("warn", "gap"), "", `${some} are missing: ${MISSING[line.reason] ?? line.reason}.`];
  }
  const { time, level, step, message, facts: told } = line;
  const words = Object.entries(told ?? {}).map(([name, value]) => `${name}=${value}`).join(" ");
  return [
    h("time", { datetime: time, class: "exact" }, time.slice(11, 23)),
    mark(KIND[level], level),
    step ?? "",
    h("span", {}, message, words && h("span", { class: "reason" }, words)),
  ];
}
