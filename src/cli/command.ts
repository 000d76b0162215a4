import { parseArgs } from "@std/cli/parse-args";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** An option of a command. `--json` and `--help` exist on every command and are not listed. */
export interface Option {
  name: string;
  /** What stands behind it in the help, such as `FILE`; an option without is a switch. */
  value?: string;
  summary: string;
}

/** What a command gets to work with. Paths are relative to the agent's home, which is the current folder. */
export interface CommandContext {
  /** Words that are not options, in order. */
  words: readonly string[];
  /** The value of an option, or undefined. */
  option(name: string): string | undefined;
  /** Whether a switch was given. */
  flag(name: string): boolean;
  json: boolean;
  clock: Clock;
  log: Log;
  /** Aborts on SIGINT and SIGTERM. */
  signal: AbortSignal;
  /** URL of the program's own module: the engine's Worker runs it too. */
  entry: string;
  /** Writes a line of the result to standard output. With `--json`, only {@linkcode result} may. */
  print(line: string): void;
  /** Writes the result: `value` as one line of JSON with `--json`, else what `text` makes of it. */
  result<T>(value: T, text: (value: T) => string): void;
}

/** One command: one file, and one line in `commands.ts`. */
export interface Command {
  /** The words that call it, such as "process run". */
  name: string;
  /** How its words stand in the usage line, such as "FILE"; empty when it takes none. */
  usage: string;
  summary: string;
  /** What a newcomer must know, in a few lines. */
  about: string;
  options: readonly Option[];
  examples: readonly string[];
  /** Runs until it is told to stop; with `--json` its log is JSON lines on standard error. */
  longRunning?: boolean;
  /** Does the work and gives the exit code. */
  run(context: CommandContext): Promise<number>;
}

/** The words and options behind a command's name. */
export interface ParsedWords {
  words: string[];
  options: Map<string, string | boolean>;
}

/**
 * Parses the words behind a command's name against its options.
 *
 * @throws {SallyportError} `usage` naming the option that is unknown or lacks its value.
 */
export function parseWords(command: Command, words: readonly string[]): ParsedWords {
  const valued = command.options.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const switches = command.options.filter(({ value }) => value === undefined).map(({ name }) => name);
  const unknown: string[] = [];
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs([...words], {
    string: [...valued, "_"],
    boolean: [...switches, "json", "help"],
    unknown: (word: string, name?: string) => {
      if (name !== undefined) unknown.push(word);
      return name === undefined;
    },
  });
  if (unknown.length > 0) throw usage(`there is no option ${unknown[0]}`, command);
  const options = new Map<string, string | boolean>();
  for (const name of [...valued, ...switches, "json", "help"]) {
    const value = parsed[name];
    if (value === "") throw usage(`--${name} needs a value`, command);
    if (typeof value === "string" || value === true) options.set(name, value);
  }
  return { words: parsed._.map(String), options };
}

/** A `usage` error of a command, or of the whole command line, with the way to its help. */
export function usage(message: string, command?: { name: string }): SallyportError {
  const words = ["sallyport", ...command ? [command.name] : [], "--help"];
  return new SallyportError("usage", message, { remedy: `See: ${words.join(" ")}` });
}
