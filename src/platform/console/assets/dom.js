/**
 * Makes an element. Children are elements or text; text is always set as text, so that names from agents can
 * never become markup.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return element;
}

/** As {@linkcode h}, for the elements of a picture. */
export function svg(tag, props, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Puts new content in place and keeps the keyboard's focus on the element with the same `data-key`. */
export function replace(container, ...children) {
  const active = document.activeElement;
  const key = container.contains(active) ? active.dataset.key : undefined;
  container.replaceChildren(...children.flat().filter(Boolean));
  if (key !== undefined) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** A table whose cells carry their heading, so that narrow screens can show rows as cards. */
export function table(label, columns, rows) {
  return h(
    "table",
    { "aria-label": label },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map(({ title, number }) => h("th", { scope: "col", class: number && "number" }, title)),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((cells) =>
        h(
          "tr",
          {},
          columns.map(({ title, number }, i) =>
            h("td", { "data-label": title, class: number && "number" }, h("div", {}, cells[i] ?? ""))
          ),
        )
      ),
    ),
  );
}

/** What stands where nothing is yet: it says how to get something. */
export function emptyState(title, text, commands = []) {
  return h(
    "div",
    { class: "empty" },
    h("h3", {}, title),
    h("p", {}, text),
    commands.map((command) => h("pre", { tabindex: "0" }, command)),
  );
}

/** Opens a dialog with a way to close it; `onClose` is called when it is gone. `titleId` names its heading. */
export function openDialog(titleId, content, onClose = () => {}) {
  const dialog = h(
    "dialog",
    { "aria-labelledby": titleId },
    h(
      "form",
      { method: "dialog", class: "close" },
      h("button", { class: "quiet", "aria-label": "Close" }, "✕"),
    ),
    content,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Names and values, one a line. */
export function facts(pairs) {
  return h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
