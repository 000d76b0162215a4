import { bold, dim, green, red, yellow } from "@std/fmt/colors";
import { format } from "@std/fmt/bytes";
import { printable } from "../base/terminal.ts";

const PAINT: Record<string, (text: string) => string> = {
  online: green,
  healthy: green,
  suspect: yellow,
  offline: red,
  active: green,
  succeeded: green,
  out: green,
  pending: yellow,
  removing: yellow,
  partial: yellow,
  warning: yellow,
  running: yellow,
  queued: yellow,
  sent: yellow,
  waiting: yellow,
  answering: yellow,
  answered: green,
  refused: red,
  cancelled: red,
  expired: red,
  rejected: red,
  unhealthy: red,
  failed: red,
  interrupted: red,
};

/** A state or an outcome in its colour. */
export function state(word: string): string {
  return (PAINT[word] ?? ((text: string) => text))(printable(word));
}

/** A time without its fraction of a second, or a dash. */
export function time(iso: string | undefined): string {
  return iso === undefined ? "-" : iso.replace(/\.\d+Z$/, "Z");
}

/** How long a run took, or a dash while it runs. */
export function duration(start: string, end: string | undefined): string {
  if (end === undefined) return "-";
  const ms = Date.parse(end) - Date.parse(start);
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1_000)} s`;
}

/** Bytes for people. */
export function bytes(count: number): string {
  return format(count);
}

/** Names and values, one a line, the names in a column. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${dim(name.padEnd(width))}  ${value}`).join("\n");
}

/** The heading of a part of the output. */
export function heading(text: string): string {
  return bold(text);
}
