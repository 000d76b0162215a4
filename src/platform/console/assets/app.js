import { ApiError, dropToken, hasToken, stream, takeTokenFromAddress } from "./api.js";
import { addAgent } from "./agents.js";
import { refreshTimes } from "./format.js";
import { showLogin } from "./login.js";
import { createOverview } from "./overview.js";

const main = document.getElementById("main");
const live = document.getElementById("live");
const buttons = { add: document.getElementById("add-agent"), out: document.getElementById("sign-out") };

/** Which parts an event may have changed. */
const TOUCHES = {
  agent: ["agents", "summary", "processes"],
  health: ["agents"],
  clones: ["agents"],
  recovery: ["agents"],
  "key-rotation": ["agents"],
  process: ["processes"],
  published: ["processes", "summary"],
  run: ["runs", "summary", "activity"],
  gap: ["gaps", "summary"],
  request: ["requests"],
};
/** Events come in bursts; each part is read at most this often. */
const REFRESH_MS = 400;

let session;

function enter() {
  session?.abort();
  session = new AbortController();
  const { signal } = session;
  const refresh = createOverview(main);
  const pending = new Map();

  const update = async (part) => {
    try {
      await refresh[part]();
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) leave(failure.message);
      // Anything else is the network: the event stream notices too, and reads everything again.
    }
  };
  const touch = (part) => {
    if (pending.has(part)) return;
    pending.set(
      part,
      setTimeout(() => {
        pending.delete(part);
        if (!signal.aborted) update(part);
      }, REFRESH_MS),
    );
  };
  const everything = () => Object.keys(refresh).forEach(update);

  const times = setInterval(refreshTimes, 5_000);
  const sweep = setInterval(() => touch("activity"), 30_000); // the chart moves on when nothing happens, too
  signal.addEventListener("abort", () => {
    clearInterval(times);
    clearInterval(sweep);
    for (const timer of pending.values()) clearTimeout(timer);
  });
  for (const button of Object.values(buttons)) button.hidden = false;
  everything();
  watch(signal, everything, (type) => TOUCHES[type]?.forEach(touch));
}

/** Follows the event stream, coming back with growing, random pauses when it breaks. */
async function watch(signal, onOpen, onEvent) {
  let tries = 0;
  while (!signal.aborted) {
    try {
      await stream(
        () => {
          if (tries > 0) onOpen();
          tries = 0;
          showLive("live", true);
        },
        onEvent,
        signal,
      );
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) return leave(failure.message);
    }
    if (signal.aborted) return;
    showLive("reconnecting…", false);
    await new Promise((resolve) =>
      setTimeout(resolve, 500 + Math.random() * Math.min(15_000, 500 * 2 ** tries++))
    );
  }
}

function showLive(words, isLive) {
  live.hidden = false;
  live.textContent = words;
  live.className = isLive ? "is-live" : "";
}

function leave(why = "") {
  session?.abort();
  dropToken();
  live.hidden = true;
  document.title = "Sallyport";
  for (const button of Object.values(buttons)) button.hidden = true;
  showLogin(main, enter, why);
}

buttons.add.addEventListener("click", addAgent);
buttons.out.addEventListener("click", () => leave());
addEventListener("hashchange", () => {
  takeTokenFromAddress();
  if (hasToken() && buttons.out.hidden) enter();
});
takeTokenFromAddress();
if (hasToken()) enter();
else showLogin(main, enter);
