import { emptyState, h, openDialog, replace, table } from "./dom.js";
import { ago, badge } from "./format.js";
import { post } from "./api.js";
import { attention, health, openAgent } from "./agent.js";

const COLUMNS = [{ title: "Agent" }, { title: "State" }, { title: "Health" }, { title: "Since" }, {
  title: "Last seen",
}, { title: "Version" }];

/** Shows the agents. */
export function showAgents(container, agents) {
  if (agents.length === 0) {
    const text =
      "An agent runs beside your data and opens every connection itself. Make a bundle here or with " +
      "the command below, and give it to the agent:";
    return replace(
      container,
      emptyState("No agent yet", text, [
        "sallyportctl enrolment create --name my-first-agent",
        "sallyport enroll BUNDLE",
      ]),
    );
  }
  const rows = agents.map((agent) => [
    h(
      "button",
      { class: "link", "data-key": agent.id, title: agent.id, onclick: () => openAgent(agent.id) },
      agent.name,
    ),
    [badge(agent.state, agent.reason), ...attention(agent)],
    health(agent),
    ago(agent.since),
    ago(agent.lastSeen),
    [agent.attributes["service.version"], agent.attributes["os.type"]].filter(Boolean).join(" · ") || "–",
  ]);
  replace(container, table("Agents", COLUMNS, rows));
}

/** Makes an enrolment bundle and shows it once. */
export function addAgent() {
  const output = h("pre", { tabindex: "0", class: "bundle" });
  const error = h("p", { class: "error", role: "alert" });
  const name = h("input", {
    id: "agent-name",
    maxlength: "100",
    placeholder: "warehouse-3",
    autocomplete: "off",
    autofocus: true,
  });
  const result = h("div", { hidden: true });
  const create = async (event) => {
    event.preventDefault();
    try {
      const wish = name.value.trim() ? { name: name.value.trim() } : {};
      const { bundle, expires } = await post("/enrolments", wish);
      output.textContent = `sallyport enroll ${bundle}`;
      const copy = h("button", {
        type: "button",
        onclick: () => navigator.clipboard.writeText(output.textContent),
      }, "Copy");
      const until = new Date(expires).toLocaleTimeString();
      result.replaceChildren(
        h("p", {}, `Run this on the agent's machine before ${until}. It works once.`),
        output,
        copy,
      );
      result.hidden = false;
      error.textContent = "";
    } catch (failure) {
      error.textContent = failure.message;
    }
  };
  openDialog("add-title", [
    h("h2", { id: "add-title" }, "Add an agent"),
    h(
      "form",
      { onsubmit: create },
      h("label", { for: "agent-name" }, "Name"),
      name,
      h("button", {}, "Make a bundle"),
    ),
    error,
    result,
  ]);
}
