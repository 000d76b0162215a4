import { emptyState, facts, h, openDialog, replace, table } from "./dom.js";
import { ago, badge, bytes, number } from "./format.js";
import { ApiError, get, lines, post, remove, save } from "./api.js";
import { errorView } from "./answer_errors.js";
import { logView } from "./answer_logs.js";
import { schemaView } from "./answer_schema.js";

const VIEWS = { logs: logView, errors: errorView, schema: schemaView };
const TITLES = { logs: "Log", errors: "Errors", schema: "Schema" };
const LOOK_MS = 1_000;
/** An answer that comes fast is not drawn anew with each line of it. */
const DRAW_MS = 150;

const TOLD = {
  queued: "the agent gets it when it connects",
  sent: "the agent has it",
  waiting: "somebody at the agent has to approve it",
  answering: "the answer comes",
};
const isOpen = ({ state }) => state in TOLD;

const COLUMNS = [{ title: "What" }, { title: "Of" }, { title: "State" }, { title: "Asked" }, {
  title: "By",
}];

/** Shows what was asked of agents. */
export function showRequests(container, requests) {
  if (requests.length === 0) {
    const text = "Logs, error details and schemas come only when somebody asks for them: open a run or an " +
      "agent and ask there. The agent's owner decides what is answered.";
    return replace(container, emptyState("Nothing was asked yet", text));
  }
  const rows = requests.map((request) => [
    h(
      "button",
      { class: "link", "data-key": request.id, onclick: () => openRequest(request.id) },
      describeWish(request),
    ),
    request.agentName,
    stateOf(request),
    ago(request.askedAt),
    request.requester,
  ]);
  replace(container, table("Requests", COLUMNS, rows));
}

const describeWish = ({ channel, parameters }) =>
  `${TITLES[channel]} of ${parameters.connection ?? `run …${String(parameters.runId).slice(-6)}`}`;

function stateOf(request) {
  const { state, outcome } = request;
  return badge(state, outcome?.reason ?? TOLD[state]);
}

/** A button that asks an agent for something, and opens what comes of it. */
export function askButton(words, wish) {
  const error = h("span", { class: "error", role: "alert" });
  const ask = async ({ currentTarget: button }) => {
    button.disabled = true;
    error.textContent = "";
    try {
      const { agent, ...body } = typeof wish === "function" ? wish() : wish;
      openRequest((await post(`/agents/${agent}/requests`, body)).id);
    } catch (failure) {
      error.textContent = failure.message;
    }
    button.disabled = false;
  };
  return h("span", {}, h("button", { type: "button", class: "quiet", onclick: ask }, words), error);
}

/** Shows one request and its answer, live while it comes. */
export function openRequest(id) {
  const closed = new AbortController();
  const [head, answer] = [h("div", {}, h("p", { class: "hint" }, "Loading…")), h("div")];
  const dialog = openDialog("request-title", [head, answer], () => closed.abort());
  dialog.classList.add("broad");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  let view;
  let timer;
  const look = async () => {
    clearTimeout(timer);
    try {
      const request = await get(`/requests/${id}`);
      if (closed.signal.aborted) return;
      replace(head, describeRequest(request, look));
      if (!view) {
        view = VIEWS[request.channel]();
        answer.append(view.element);
        follow(request, view, closed.signal).then(look);
      }
      clearTimeout(timer); // two looks may have waited for their answers
      if (isOpen(request)) timer = setTimeout(look, LOOK_MS);
    } catch (failure) {
      replace(head, h("p", { class: "error", role: "alert" }, failure.message));
    }
  };
  look();
}

/** Feeds a view with the lines of an answer. Why one ends early, the request itself says. */
async function follow({ id }, view, signal) {
  let drawing;
  const draw = () => {
    drawing = undefined;
    view.show();
  };
  try {
    for await (const line of lines(`/requests/${id}/answer`, signal)) {
      view.add(JSON.parse(line));
      drawing ??= setTimeout(draw, DRAW_MS);
    }
  } catch (failure) {
    if (!(failure instanceof ApiError || failure instanceof TypeError || signal.aborted)) throw failure;
  }
  clearTimeout(drawing);
  draw();
}

function describeRequest(request, changed) {
  const { id, channel, agentName, requester, reason, deadline, answer } = request;
  const cancel = async ({ currentTarget: button }) => {
    button.disabled = true;
    await remove(`/requests/${id}`).catch(() => {});
    changed();
  };
  const download = () => save(`/requests/${id}/answer?format=gzip`, `${channel}-${id}.ndjson.gz`);
  return [
    h("h2", { id: "request-title" }, describeWish(request)),
    facts([
      ["State", [stateOf(request), " ", isOpen(request) && button("Cancel", cancel)].filter(Boolean)],
      ["Agent", agentName],
      ["Asked", [ago(request.askedAt), ` by ${requester}`, reason && `: ${reason}`].filter(Boolean)],
      isOpen(request) && ["Until", new Date(deadline).toLocaleString()],
      answer.records > 0 && [
        "Answer",
        [
          `${number(answer.records)} records, ${bytes(answer.bytes)} `,
          request.state === "answered" && answer.kept && button("Download", download),
        ].filter(Boolean),
      ],
    ].filter(Boolean)),
  ];
}

const button = (words, onclick) => h("button", { class: "quiet", "data-key": words, onclick }, words);
