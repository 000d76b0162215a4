import { bold, dim, red, yellow } from "@std/fmt/colors";
import type { Clock } from "./clock.ts";
import { isoTime } from "./clock.ts";
import { printable } from "./terminal.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Small facts beside a message. Never production data: file names and counts are the most it may hold. */
export type LogFacts = Record<string, string | number | boolean | null | undefined>;

/** Writes structured lines. `child` adds facts that every line of a part carries. */
export interface Log {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
  child(facts: LogFacts): Log;
}

export interface LogOptions {
  clock: Clock;
  /** The lowest level that is written. Default: info. */
  level?: LogLevel;
  /** Lines for people (coloured when the terminal allows it) or JSON, one object a line. */
  format: "text" | "json";
  /** Takes one finished line. Default: standard error. */
  write?: (line: string) => void;
}

/** A fact that is longer is cut: what it quotes may come from somebody who wants the disk full. */
const MAX_FACT_CHARS = 2_000;
/** The same line again within this time is counted and not written. */
const REPEAT_MS = 60_000;

/** A log on standard error, or on whatever `write` is. */
export function createLog(options: LogOptions, inherited: LogFacts = {}): Log {
  return logWith(options, inherited, { line: "", at: 0, times: 0 });
}

/** The line that was written last, and how often it would have come again. */
interface LastLine {
  line: string;
  at: number;
  times: number;
}

function logWith(options: LogOptions, inherited: LogFacts, last: LastLine): Log {
  const { clock, level = "info", format, write = (line) => console.error(line) } = options;
  const lowest = LOG_LEVELS.indexOf(level);
  const put = (own: LogLevel, message: string, facts: LogFacts) => {
    const time = isoTime(clock.now());
    write(
      format === "json"
        ? JSON.stringify({ time, level: own, message, ...facts })
        : logText(time, own, message, facts),
    );
  };
  const at = (own: LogLevel) => (message: string, facts: LogFacts = {}) => {
    if (LOG_LEVELS.indexOf(own) < lowest) return;
    const all = withTexts({ ...inherited, ...facts }, bounded);
    const line = JSON.stringify([own, message, all]);
    if (line === last.line && clock.monotonic() - last.at < REPEAT_MS) return void last.times++;
    if (last.times > 0) put(own, "the line before came again", { times: last.times });
    Object.assign(last, { line, at: clock.monotonic(), times: 0 });
    put(own, message, all);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (facts) => logWith(options, { ...inherited, ...facts }, last),
  };
}

function bounded(text: string): string {
  if (text.length <= MAX_FACT_CHARS) return text;
  return `${text.slice(0, MAX_FACT_CHARS)}... (${text.length} characters)`;
}

/** A log whose texts are changed first, such as to take secrets out. */
export function changedLog(log: Log, change: (text: string) => string): Log {
  const changed = (facts: LogFacts = {}) => withTexts(facts, change);
  return {
    debug: (message, facts) => log.debug(change(message), changed(facts)),
    info: (message, facts) => log.info(change(message), changed(facts)),
    warn: (message, facts) => log.warn(change(message), changed(facts)),
    error: (message, facts) => log.error(change(message), changed(facts)),
    child: (facts) => changedLog(log.child(changed(facts)), change),
  };
}

/** A log that writes into two. */
export function bothLogs(one: Log, other: Log): Log {
  const at = (level: LogLevel) => (message: string, facts?: LogFacts) => {
    one[level](message, facts);
    other[level](message, facts);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (facts) => bothLogs(one.child(facts), other.child(facts)),
  };
}

function withTexts(facts: LogFacts, change: (text: string) => string): LogFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [key, typeof value === "string" ? change(value) : value]),
  );
}

/** A log that goes nowhere, for tests and for commands whose output is their result. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

const PAINT: Record<LogLevel, (text: string) => string> = {
  debug: dim,
  info: (text) => text,
  warn: yellow,
  error: (text) => red(bold(text)),
};

/** A line for people; coloured when colours are on. */
export function logText(time: string, level: LogLevel, message: string, facts: LogFacts): string {
  const tail = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => dim(`${key}=`) + (typeof value === "string" ? quoted(value) : String(value)));
  return [dim(time.slice(11, 23)), PAINT[level](level.padEnd(5)), message, ...tail].join(" ");
}

/** Facts may hold names from outside: control characters must not reach a terminal. */
function quoted(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : printable(JSON.stringify(text));
}
