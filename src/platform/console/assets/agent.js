import { facts, h, openDialog, replace, table } from "./dom.js";
import { ago, badge, mark } from "./format.js";
import { get, post } from "./api.js";
import { askButton } from "./requests.js";

/** How often an open dialog looks whether something has changed. */
const LOOK_MS = 2_000;

const RECOVERY = {
  waiting: ["waits for approval", "of a new certificate"],
  granted: ["approved", "it gets a new certificate when it comes back"],
  "too late": ["too late", "its certificate expired too long ago: enrol it again"],
};

/** What somebody may have to act on, in words, and with the way to do so. */
export function attention(agent) {
  const { clones, recovery, keyRotation } = agent;
  const notes = [
    clones && badge("cloned", `a copy of its home runs too, from ${addresses(clones)}`),
    recovery && badge(...RECOVERY[recovery.state]),
    recovery?.state === "waiting" && approval(agent),
    keyRotation?.state === "requested" && badge("new key requested"),
  ];
  return notes.filter(Boolean).map((note) => h("div", {}, note));
}

const addresses = ({ starts }) => [...new Set(starts.map(({ address }) => address))].join(", ");

function approval({ id, name }) {
  return action("approve", id, "Approve", `Approve a new certificate for ${name}`, "approve-recovery");
}

/** A button for a request about one agent; it says why when that fails. The event stream tells what came of it. */
function action(key, id, words, label, route) {
  const error = h("span", { class: "error", role: "alert" });
  const act = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      await post(`/agents/${id}/${route}`);
      error.textContent = "";
    } catch (failure) {
      error.textContent = failure.message;
      button.disabled = false;
    }
  };
  const props = { class: "quiet", "data-key": `${key}-${id}`, "aria-label": label, onclick: act };
  return h("span", {}, h("button", props, words), error);
}

/** What an agent says is wrong with it. One that is gone cannot say that nothing is. */
export function health({ state, health }) {
  const conditions = health?.conditions ?? [];
  if (conditions.length === 0) return health && state !== "offline" ? badge("healthy") : "–";
  return h("ul", { class: "conditions" }, conditions.map(condition));
}

function condition({ severity, code, component, since, reason, remedy }) {
  return h(
    "li",
    {},
    mark(severity === "error" ? "bad" : "warn", code ?? component ?? "agent"),
    since && h("span", { class: "since" }, ago(since)),
    h("span", {}, component?.startsWith("process/") && `${component}: `, reason),
    remedy && h("span", { class: "reason" }, remedy),
  );
}

/** Shows one agent, kept up to date while it is open. */
export function openAgent(id) {
  const body = h("div", {}, h("p", { class: "hint" }, "Loading…"));
  const form = browsing(id); // it stays, with what somebody has typed into it, while the rest is drawn anew
  let last;
  const look = async () => {
    try {
      const agent = await get(`/agents/${id}`);
      if (last === JSON.stringify(agent)) return;
      last = JSON.stringify(agent);
      replace(body, describeAgent(agent, form));
    } catch (failure) {
      last = undefined;
      replace(body, h("p", { class: "error", role: "alert" }, failure.message));
    }
  };
  const timer = setInterval(look, LOOK_MS);
  const dialog = openDialog("agent-title", body, () => clearInterval(timer));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  look();
}

function describeAgent(agent, form) {
  const { id, name, keyRotation, clones, attributes } = agent;
  const told = [
    ["State", [badge(agent.state, agent.reason), ...attention(agent)]],
    ["Since", ago(agent.since)],
    ["Health", health(agent)],
    ["Last seen", ago(agent.lastSeen)],
    ["Enrolled", new Date(agent.enrolledAt).toLocaleString()],
    ["Certificate", `good until ${new Date(agent.certificateExpires).toLocaleString()}`],
    ["Key", [rotationWords(keyRotation), agent.revokedAt ? "" : rotation(agent)]],
    ["Id", h("code", {}, id)],
    ...Object.entries(attributes).sort(),
  ];
  return [
    h("h2", { id: "agent-title" }, name),
    facts(told),
    form,
    clones && h("h3", {}, "Clones"),
    clones && h("p", { class: "hint" }, CLONE_HINT),
    clones && table("Clones", CLONE_COLUMNS, clones.starts.map(describeStart)),
  ];
}

function browsing(id) {
  const input = (name, placeholder) => {
    const key = `browse-${name}`;
    return h("input", { id: key, "data-key": key, placeholder, maxlength: "200", autocomplete: "off" });
  };
  const [connection, pattern] = [input("connection", "warehouse"), input("pattern", "public.order*")];
  const wish = () => ({
    agent: id,
    channel: "schema",
    parameters: {
      connection: connection.value.trim(),
      ...(pattern.value.trim() ? { pattern: pattern.value.trim() } : {}),
    },
  });
  return h(
    "div",
    { class: "ask" },
    h("label", { for: "browse-connection" }, "Connection"),
    connection,
    h("label", { for: "browse-pattern" }, "Pattern"),
    pattern,
    askButton("Browse its schema", wish),
  );
}

function rotation({ id, name, keyRotation }) {
  if (keyRotation?.state === "requested") return "";
  return action("rotate", id, "Rotate key", `Ask ${name} for a new key`, "rotate-key");
}

function rotationWords(rotation) {
  if (!rotation) return "";
  const { state, requestedAt, requestedBy, doneAt } = rotation;
  const time = (iso) => new Date(iso).toLocaleString();
  const words = state === "done"
    ? `in use since ${time(doneAt)}, requested by ${requestedBy} `
    : `a new one was requested at ${time(requestedAt)} by ${requestedBy}`;
  return h("span", {}, words);
}

const CLONE_HINT =
  "A home was copied: agents with one identity take turns and throw each other out. Stop one, " +
  "move its state/ away, and enrol it as an agent of its own.";
const CLONE_COLUMNS = [{ title: "From" }, { title: "Came first" }, { title: "Came last" }, {
  title: "It is",
}];

function describeStart({ id, address, firstSeen, lastSeen, facts: told }) {
  return [
    h("span", { title: id }, address),
    ago(firstSeen),
    ago(lastSeen),
    Object.values(told).join(" · "),
  ];
}
