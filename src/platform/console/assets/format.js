import { h } from "./dom.js";

const KIND = {
  online: "good",
  healthy: "good",
  active: "good",
  succeeded: "good",
  out: "good",
  pending: "busy",
  removing: "busy",
  running: "busy",
  partial: "warn",
  suspect: "warn",
  unhealthy: "warn",
  interrupted: "warn",
  queued: "busy",
  sent: "busy",
  waiting: "warn",
  answering: "busy",
  answered: "good",
  refused: "warn",
  cancelled: "warn",
  expired: "warn",
  "waits for approval": "warn",
  "new key requested": "busy",
  approved: "busy",
  cloned: "bad",
  "too late": "bad",
  offline: "bad",
  rejected: "bad",
  failed: "bad",
};
/** Colour alone must not carry meaning: each kind has a sign of its own. */
const SIGN = { good: "●", busy: "◌", warn: "▲", bad: "✕" };

/** A state as a badge, with its reason beside it. */
export function badge(state, reason) {
  const kind = KIND[state] ?? "busy";
  return h("span", {}, mark(kind, state), reason && h("span", { class: "reason" }, reason));
}

/** A word in the look of its kind: good, busy, warn or bad. */
export function mark(kind, word) {
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, SIGN[kind]), ` ${word}`);
}

const numbers = new Intl.NumberFormat("en");
export const number = (value) => numbers.format(value);

/** Bytes for people. */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A span of time for people. */
export function span(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

/** A moment as "3 min ago", kept right by `refreshTimes`; the exact time shows on hover. */
export function ago(iso) {
  if (!iso) return "never";
  const element = h("time", { datetime: iso, title: new Date(iso).toLocaleString() });
  element.textContent = agoText(iso);
  return element;
}

function agoText(iso) {
  const ms = Date.now() - Date.parse(iso);
  return ms < 5000 ? "just now" : `${span(ms)} ago`;
}

/** Brings every "ago" of the page up to date. */
export function refreshTimes() {
  for (const element of document.querySelectorAll("time")) {
    const text = agoText(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}
