import { facts, h, replace, table } from "./dom.js";
import { badge, number } from "./format.js";

/** Shows what went wrong in a run: what ended it, and the documents that failed, each with what to do. */
export function errorView() {
  const element = h("div");
  const records = [];
  return {
    element,
    add: (record) => records.push(record),
    show() {
      const of = (kind) => records.filter((record) => record.kind === kind);
      const [run] = of("run");
      const documents = of("document");
      replace(
        element,
        run && facts([["Process", run.process], ["Outcome", badge(run.outcome ?? "running")]]),
        of("error").map(describeError),
        documents.length > 0 && h("h3", {}, "Documents that failed"),
        documents.length > 0 && table("Documents that failed", COLUMNS, documents.map(describeDocument)),
        of("more").map(({ documents: count, step, code }) =>
          h("p", { class: "hint" }, `${number(count)} more failed in ${step} with ${code}.`)
        ),
        records.length > 0 && of("error").length + documents.length === 0 &&
          h("p", { class: "hint" }, "Nothing went wrong in this run."),
      );
    },
  };
}

function describeError({ scope, code, message, file, causes, retryable, remedy }) {
  return h(
    "div",
    { class: "fault" },
    h("h3", {}, scope === "run" ? "What ended the run" : "What was wrong with an input"),
    h("p", { class: "error" }, `${code}: ${message}`),
    file && h("p", {}, h("code", {}, `${file.directory}/${file.name}`)),
    causes.length > 0 && h(
      "ul",
      {},
      causes.map(({ name, code: system, message: words }) =>
        h("li", {}, [name, system, words].filter(Boolean).join(": "))
      ),
    ),
    h("p", {}, `${remedy} ${retryable ? "It may succeed when it is tried again." : ""}`),
  );
}

const COLUMNS = [
  { title: "File" },
  { title: "Document", number: true },
  { title: "Line", number: true },
  { title: "Step" },
  { title: "What went wrong" },
];

function describeDocument({ file, row, line, step, code, message, remedy }) {
  const what = h("span", {}, `${code}: ${message}`, h("span", { class: "reason" }, remedy));
  return [file.name, number(row), number(line), step, what];
}
