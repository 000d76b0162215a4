import { h, replace } from "./dom.js";
import { createChart } from "./chart.js";
import { showAgents } from "./agents.js";
import { showGaps } from "./gaps.js";
import { showProcesses } from "./processes.js";
import { showRequests } from "./requests.js";
import { showRuns } from "./runs.js";
import { number } from "./format.js";
import { get } from "./api.js";

const OUTCOMES = ["running", "succeeded", "partial", "failed", "interrupted"];

/** The page behind the login: everything at a glance, each part brought up to date by itself. */
export function createOverview(main) {
  const tiles = h("section", { class: "tiles", "aria-label": "Summary" });
  const chart = h("div");
  const [agents, processes, runs, gaps, requests] = Array.from({ length: 5 }, () => h("div"));
  const lost = section("Lost records", gaps);
  lost.hidden = true;
  const filter = h(
    "select",
    { id: "outcome", onchange: () => refresh.runs() },
    h("option", { value: "" }, "all outcomes"),
    OUTCOMES.map((outcome) => h("option", { value: outcome }, outcome)),
  );
  replace(
    main,
    tiles,
    section("Documents per minute", chart),
    section("Agents", agents),
    section("Processes", processes),
    lost,
    section("Runs", runs, h("label", { for: "outcome", class: "hidden" }, "Outcome"), filter),
    section("Requests", requests),
  );
  const plot = createChart(chart);
  const last = new Map();
  let shown = 25;

  /** Draws only what changed, so that nothing flickers and no selection is lost. */
  const changed = (part, data) => {
    const text = JSON.stringify(data);
    if (last.get(part) === text) return false;
    last.set(part, text);
    return true;
  };
  const refresh = {
    async summary() {
      const summary = await get("/summary");
      if (changed("summary", summary)) showTiles(tiles, summary);
    },
    async activity() {
      plot.update(await get("/activity?minutes=60"));
    },
    async agents() {
      const { agents: list } = await get("/agents");
      if (changed("agents", list)) showAgents(agents, list);
    },
    async processes() {
      const { processes: list } = await get("/processes");
      if (changed("processes", list)) showProcesses(processes, list);
    },
    async gaps() {
      const { gaps: list } = await get("/gaps?limit=10");
      if (changed("gaps", list)) showGaps(lost, gaps, list);
    },
    async requests() {
      const { requests: list } = await get("/requests?limit=10");
      if (changed("requests", list)) showRequests(requests, list);
    },
    async runs() {
      const page = await get(`/runs?limit=${shown}${filter.value ? `&outcome=${filter.value}` : ""}`);
      if (shown >= 500) delete page.next; // the API's largest page; sallyportctl runs goes further
      const more = () => {
        shown = Math.min(500, shown + 50);
        refresh.runs();
      };
      if (changed("runs", { page, filter: filter.value })) showRuns(runs, page, filter.value !== "", more);
    },
  };
  return refresh;
}

function section(title, content, ...controls) {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h(
    "section",
    { class: "panel", "aria-labelledby": id },
    h("div", { class: "title" }, h("h2", { id }, title), controls),
    content,
  );
}

function showTiles(container, { agents, processes, runs, documents, files, records }) {
  document.title = `${agents.online}/${agents.total} online · Sallyport`;
  const tile = (label, value, note, kind = "") =>
    h(
      "div",
      { class: `tile ${kind}` },
      h("div", { class: "label" }, label),
      h("div", { class: "value" }, value),
      h("div", { class: "note" }, note),
    );
  const notGood = runs.failed + runs.partial + runs.interrupted;
  const offline = agents.total - agents.online - agents.suspect;
  const missing = [offline && `${offline} offline`, agents.suspect && `${agents.suspect} suspect`].filter(
    Boolean,
  );
  replace(
    container,
    tile(
      "Agents online",
      `${agents.online} / ${agents.total}`,
      agents.total === 0 ? "none yet" : missing.join(", ") || "all there",
      offline > 0 ? "bad" : missing.length > 0 ? "warn" : "",
    ),
    tile("Processes", number(processes), "published"),
    tile(
      "Runs",
      number(runs.total),
      runs.running ? `${number(runs.running)} going on` : `${number(notGood)} not clean`,
    ),
    tile("Documents out", number(documents.out), `of ${number(documents.in)} in`),
    tile(
      "Documents failed",
      number(documents.failed),
      documents.failed ? "see their dead letters" : "none",
      documents.failed > 0 ? "bad" : "",
    ),
    tile("Files", number(files), `${number(records)} records stored`),
  );
}
