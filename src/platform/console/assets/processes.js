import { emptyState, h, replace, table } from "./dom.js";
import { ago, badge } from "./format.js";

const COLUMNS = [{ title: "Process" }, { title: "Version", number: true }, { title: "Published" }, {
  title: "On agents",
}];

/** Shows the processes with what became of each on each agent. */
export function showProcesses(container, processes) {
  if (processes.length === 0) {
    const text =
      "A process reads files or rows, maps them and writes them on. Write one as YAML and publish it; " +
      "connected agents get it at once:";
    return replace(
      container,
      emptyState("No process yet", text, ["sallyportctl process publish orders.yaml"]),
    );
  }
  const rows = processes.map(({ name, version, publishedAt, publishedBy, onAgents }) => [
    h("strong", {}, name),
    String(version),
    h("span", {}, ago(publishedAt), h("span", { class: "reason" }, `by ${publishedBy}`)),
    onAgents.length === 0 ? "no agent yet" : h("ul", { class: "states" }, onAgents.map(onAgent)),
  ]);
  replace(container, table("Processes", COLUMNS, rows));
}

function onAgent({ agentName, agentState, state, reason }) {
  const away = agentState === "online" ? "" : ` (${agentState})`;
  return h("li", {}, h("span", { class: "who" }, agentName + away), badge(state, reason));
}
