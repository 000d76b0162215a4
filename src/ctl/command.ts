import { parseArgs } from "@std/cli/parse-args";
import { SallyportError } from "../base/errors.ts";
import type { PlatformClient } from "./client.ts";

/** An option of a command, beside those that every command has. */
export interface Option {
  name: string;
  /** What stands behind it in the help, such as `FILE`. */
  value: string;
  summary: string;
}

/** What a command gets to work with. */
export interface CommandContext {
  /** Words behind the command's name that are not options. */
  words: readonly string[];
  /** The value of an option, or undefined. */
  option(name: string): string | undefined;
  json: boolean;
  /** The platform's API, as the token's owner. */
  platform: PlatformClient;
  /** Aborts on SIGINT and SIGTERM. */
  signal: AbortSignal;
  /** Writes the result: `value` as one line of JSON with `--json`, else what `text` makes of it. */
  result<T>(value: T, text: (value: T) => string): void;
}

/** One command: one file, and one line in `commands.ts`. */
export interface Command {
  /** The words that call it, such as "process publish". */
  name: string;
  /** How its words stand in the usage line; empty when it takes none. */
  usage: string;
  summary: string;
  about: string;
  options: readonly Option[];
  examples: readonly string[];
  /** Does the work and gives the exit code. */
  run(context: CommandContext): Promise<number>;
}

/** The options of every command. */
export const COMMON_OPTIONS: readonly Option[] = [
  { name: "platform", value: "URL", summary: "The platform, https://HOST:PORT (or SALLYPORT_PLATFORM)" },
  { name: "ca", value: "FILE", summary: "Its CA certificate, ca.pem of its data folder (or SALLYPORT_CA)" },
  {
    name: "token",
    value: "TOKEN",
    summary: "The API token; better SALLYPORT_TOKEN, which no process list shows",
  },
  { name: "token-file", value: "FILE", summary: "A file that holds the API token" },
];

/** The words and options behind a command's name. */
export interface ParsedWords {
  words: string[];
  options: ReadonlyMap<string, string>;
}

/**
 * Parses the words behind a command's name.
 *
 * @throws {SallyportError} `usage` naming the option that is unknown or lacks its value.
 */
export function parseWords(command: Command, words: readonly string[]): ParsedWords {
  const names = [...COMMON_OPTIONS, ...command.options].map(({ name }) => name);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs([...words], {
    string: [...names, "_"],
    boolean: ["json", "help"],
    unknown: (word: string, name?: string) => {
      if (name !== undefined) throw usage(`there is no option ${word}`, command);
      return true;
    },
  });
  const options = new Map<string, string>();
  for (const name of names) {
    const value = parsed[name];
    if (value === "") throw usage(`--${name} needs a value`, command);
    if (typeof value === "string") options.set(name, value);
  }
  return { words: parsed._.map(String), options };
}

/** The one word that a command takes. */
export function oneWord(command: Command, words: readonly string[]): string {
  if (words.length === 1) return words[0]!;
  throw usage(`"${command.name}" takes one ${command.usage}, and got ${words.length}`, command);
}

/** A `usage` error of a command, with the way to its help. */
export function usage(message: string, { name }: { name: string }): SallyportError {
  return new SallyportError("usage", message, { remedy: `See: sallyportctl ${name} --help` });
}
