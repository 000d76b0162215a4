import { h, replace, table } from "./dom.js";
import { ago, number } from "./format.js";

/** Shows which records agents lost; the whole section only when there are any. */
export function showGaps(section, container, gaps) {
  section.hidden = gaps.length === 0;
  const rows = gaps.map((gap) => [sentence(gap), ago(gap.receivedAt)]);
  replace(container, table("Lost records", [{ title: "What was lost" }, { title: "Told" }], rows));
}

function sentence({ agentName, records, first, last, why }) {
  const [from, to] = [first, last].map((time) => time && new Date(time).toLocaleString());
  const some = records === 0 ? "Records" : records === 1 ? "1 record" : `${number(records)} records`;
  const when = from === undefined ? `before ${to}` : from === to ? `at ${to}` : `between ${from} and ${to}`;
  return h(
    "span",
    {},
    some,
    " of ",
    h("strong", {}, agentName),
    ` ${records === 1 ? "was" : "were"} lost ${when}:`,
    h("span", { class: "reason" }, why),
  );
}
