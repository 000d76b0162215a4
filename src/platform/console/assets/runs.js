import { emptyState, facts, h, openDialog, replace, table } from "./dom.js";
import { ago, badge, bytes, number, span } from "./format.js";
import { get } from "./api.js";
import { askButton } from "./requests.js";

const COLUMNS = [
  { title: "Process" },
  { title: "Outcome" },
  { title: "Started" },
  { title: "Took", number: true },
  { title: "In", number: true },
  { title: "Out", number: true },
  { title: "Failed", number: true },
  { title: "Agent" },
];

/** Shows a page of runs; `more` loads further ones when there are any. */
export function showRuns(container, { runs, next }, filtered, more) {
  if (runs.length === 0) {
    return replace(
      container,
      filtered
        ? emptyState("No such run", "No run has this outcome. Choose another one above.")
        : emptyState("No run yet", "Runs appear here, live, as soon as an agent runs a process."),
    );
  }
  const rows = runs.map((run) => [
    h("button", { class: "link", "data-key": run.id, onclick: () => openRun(run.id) }, run.process),
    badge(run.outcome, run.error?.code),
    ago(run.startedAt),
    took(run),
    number(run.documents.in),
    number(run.documents.out),
    number(run.documents.failed),
    run.agentName,
  ]);
  const button = next &&
    h("button", { class: "quiet", "data-key": "more", onclick: more }, "Show older runs");
  replace(container, table("Runs", COLUMNS, rows), button);
}

const took = ({ startedAt, endedAt }) => endedAt ? span(Date.parse(endedAt) - Date.parse(startedAt)) : "–";

/** Shows one run with its files. */
async function openRun(id) {
  const body = h("div", {}, h("p", { class: "hint" }, "Loading…"));
  const dialog = openDialog("run-title", body);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  try {
    body.replaceChildren(...describeRun(await get(`/runs/${id}`)));
  } catch (failure) {
    body.replaceChildren(h("p", { class: "error", role: "alert" }, failure.message));
  }
}

function describeRun(run) {
  const { documents, error } = run;
  const told = [
    ["Outcome", badge(run.outcome)],
    ["Agent", run.agentName],
    ["Version", run.version || "–"],
    ["Trigger", run.trigger],
    ["Started", new Date(run.startedAt).toLocaleString()],
    ["Took", took(run)],
    [
      "Documents",
      `${number(documents.in)} in, ${number(documents.out)} out, ${number(documents.filtered)} filtered, ` +
      `${number(documents.failed)} failed`,
    ],
    ["Bytes", `${bytes(run.bytesIn)} in, ${bytes(run.bytesOut)} out`],
    ["Run", h("code", {}, run.id)],
  ];
  return [
    h("h2", { id: "run-title" }, run.process),
    error && h("p", { class: "error" }, `${error.code}: ${error.message}`),
    facts(told),
    h(
      "div",
      { class: "ask" },
      askButton("Ask for its log", wish(run, "logs", { follow: run.endedAt === undefined })),
      askButton("Ask for its errors", wish(run, "errors")),
    ),
    h("h3", {}, "Files"),
    run.files.length > 0 ? table("Files", FILE_COLUMNS, run.files.map(describeFile)) : h(
      "p",
      { class: "hint" },
      run.fileCount > 0 ? `${run.fileCount} files, which the agent did not name.` : "None.",
    ),
    ...run.trackedDocuments > 0 ? [h("h3", {}, "Documents"), trackedDocuments(run)] : [],
  ].filter(Boolean);
}

/** Fields of documents are production data: they are shown to whoever asks, and the audit notes who did. */
function trackedDocuments({ id, trackedDocuments: count }) {
  const place = h("div", {});
  const show = async () => {
    try {
      replace(place, ...describeDocuments(await get(`/runs/${id}/documents?limit=1000`)));
    } catch (failure) {
      replace(place, h("p", { class: "error", role: "alert" }, failure.message));
    }
  };
  const label = `Show the tracked fields of ${number(count)} ${count === 1 ? "document" : "documents"}`;
  place.append(
    h("button", { class: "quiet", onclick: show }, label),
    h("p", { class: "hint" }, "The audit notes who looks at them."),
  );
  return place;
}

function describeDocuments({ documents, total, beyond, until }) {
  const names = [...new Set(documents.flatMap(({ fields }) => Object.keys(fields)))];
  const columns = [
    { title: "File" },
    { title: "Row", number: true },
    { title: "Result" },
    ...names.map((title) => ({ title })),
  ];
  const rows = documents.map(({ name, row, result, fields, cut }) => [
    name,
    number(row),
    badge(result),
    ...names.map((field) =>
      fields[field] === undefined ? "–" : fields[field] + (cut.includes(field) ? "…" : "")
    ),
  ]);
  const told = [
    documents.length < total && `The first ${number(documents.length)} of ${number(total)}.`,
    beyond > 0 && `Of ${number(beyond)} more documents of this run nothing was taken.`,
    until && `Forgotten after ${new Date(until).toLocaleString()}.`,
  ];
  const wide = h("div", { class: "wide", tabindex: "0" }, table("Documents", columns, rows));
  return [wide, h("p", { class: "hint" }, told.filter(Boolean).join(" "))];
}

const wish = ({ id, agent }, channel, parameters = {}) => ({
  agent,
  channel,
  parameters: { runId: id, ...parameters },
});

const FILE_COLUMNS = [
  { title: "File" },
  { title: "Role" },
  { title: "Size", number: true },
  { title: "Documents", number: true },
  { title: "Failed", number: true },
];

function describeFile({ role, name, directory, bytes: size, documents, failed }) {
  const file = h("span", {}, h("strong", {}, name), h("span", { class: "reason" }, directory));
  return [file, role, bytes(size), number(documents), number(failed)];
}
