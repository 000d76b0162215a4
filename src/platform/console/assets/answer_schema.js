import { h, replace } from "./dom.js";

/** What stands in a tree as a branch; everything else is a leaf of it. */
const BRANCHES = new Set(["catalog", "schema", "table", "view", "file", "operation", "type"]);

/** Shows the schema of a connection as a tree that opens and closes. */
export function schemaView() {
  const element = h("div", { class: "tree" });
  const [roots, byPlace] = [[], new Map()];
  let end;
  return {
    element,
    add(record) {
      if (record.kind === "end") return end = record;
      const { parent = [], name } = record;
      const node = { record, children: [] };
      (byPlace.get(keyOf(parent))?.children ?? roots).push(node);
      if (BRANCHES.has(record.kind)) byPlace.set(keyOf([...parent, name]), node);
    },
    show() {
      const isSmall = byPlace.size <= 20;
      replace(
        element,
        roots.map((node) => draw(node, isSmall)),
        end && roots.length === 0 && h("p", { class: "hint" }, "Nothing here has such a name."),
        end?.next &&
          h("p", { class: "hint" }, "There is more: narrow it with a pattern, or use sallyportctl."),
        end?.cut && h("p", { class: "hint" }, "The time was up before all was read."),
      );
    },
  };
}

const keyOf = (place) => JSON.stringify(place);

function draw({ record, children }, isOpen) {
  const line = h("span", {}, h("span", { class: "kind" }, record.kind), " ", ...words(record));
  if (children.length === 0) return h("div", { class: "leaf" }, line);
  // The last level, which is by far the largest, is made when somebody opens it.
  const inner = h("div");
  const fill = () =>
    inner.childElementCount === 0 && inner.append(...children.map((child) => draw(child, isOpen)));
  const open = isOpen || children.some((child) => child.children.length > 0);
  if (open) fill();
  return h("details", { open, ontoggle: fill }, h("summary", {}, line), inner);
}

function words(record) {
  const { kind, name, type, types, path, nullable, columns, primary, unique, references, problem } = record;
  const list = (names) => names.map((each) => each ?? "(expression)").join(", ");
  const strong = h("strong", {}, path ? path.join(".") : name);
  const told = {
    column: () => [type, nullable ? "" : "not null"],
    field: () => [types.join(" or "), record.optional ? "optional" : ""],
    parameter: () => [record.in, type, record.required ? "required" : ""],
    key: () => [primary ? "primary" : "unique", list(columns)],
    index: () => [unique ? "unique" : "", list(columns), record.partial ? "of some rows" : ""],
    "foreign-key": () => [
      list(columns),
      "→",
      `${references.table.join(".")} (${list(references.columns)})`,
    ],
    catalog: () => [record.product],
    file: () => [record.format],
  }[kind]?.() ?? [];
  return [
    strong,
    ` ${told.filter(Boolean).join(" ")}`,
    problem && h("span", { class: "reason" }, `cannot be described: ${problem}`),
  ].filter(Boolean);
}
