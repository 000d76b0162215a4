/** The platform's API with the token of this tab. It lives in sessionStorage: it ends with the tab. */
const KEY = "sallyport-token";

/** Takes a token from `#token=...` and removes it from the address bar, before anybody can read it there. */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname);
}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const dropToken = () => sessionStorage.removeItem(KEY);

/** An answer that is not a success, in the platform's words. */
export class ApiError extends Error {
  constructor(status, { message, remedy }) {
    super(remedy ? `${message}. ${remedy}` : message);
    this.status = status;
  }
}

async function request(path, init = {}) {
  const headers = {
    authorization: `Bearer ${sessionStorage.getItem(KEY)}`,
    "content-type": "application/json",
  };
  const response = await fetch(`/api/v1${path}`, { ...init, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(response.status, body.error ?? { message: `the platform answered ${response.status}` });
}

/** JSON from below `/api/v1`. */
export const get = async (path) => (await request(path)).json();
export const post = async (path, body) =>
  (await request(path, { method: "POST", body: JSON.stringify(body) })).json();

export const remove = async (path) => (await request(path, { method: "DELETE" })).json();

/** Calls `onEvent` for everything that happens until the stream ends. */
export async function stream(onOpen, onEvent, signal) {
  const response = await request("/events", { signal });
  onOpen();
  for await (const block of pieces(response, "\n\n")) {
    const match = block.match(/^(?:id: .+\n)?event: (.+)\ndata: (.+)$/);
    if (match) onEvent(match[1], JSON.parse(match[2]));
  }
}

/** The lines of an answer as they come. */
export async function* lines(path, signal) {
  yield* pieces(await request(path, { signal }), "\n");
}

/** What comes up to each `end`; what has none when the response is over is not whole and not given. */
async function* pieces(response, end) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split(end);
    rest = whole.pop();
    yield* whole;
  }
}

/** Saves an answer as a file of the person at the browser. */
export async function save(path, name) {
  const url = URL.createObjectURL(await (await request(path)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
