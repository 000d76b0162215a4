import { parseArgs } from "@std/cli/parse-args";
import { SallyportError } from "../errors.ts";

/** An option of a command. `--json` and `--help` exist on every command and are not listed. */
export interface Option {
  name: string;
  /** What stands behind it in the help, such as `FILE`; an option without is a switch. */
  value?: string;
  summary: string;
}

/** What the help and the parser must know of a command. */
export interface CommandDescription {
  /** The words that call it, such as "process run"; empty for a program that does one thing. */
  name: string;
  /**
   * What must stand behind the name in the usage line, such as "FILE". A command takes no words when it is empty or
   * names only options, such as "--data DIR".
   */
  usage: string;
  summary: string;
  /** What a newcomer must know, in a few lines. */
  about: string;
  options: readonly Option[];
  examples: readonly string[];
}

/** One command of a program whose commands work with a `Context`. */
export interface Command<Context> extends CommandDescription {
  /** Does the work and gives the exit code. */
  run(context: Context): Promise<number>;
}

/** The words and options behind a command's name. */
export interface ParsedWords {
  /** Words that are not options, in order. */
  words: readonly string[];
  /** The value of an option, the last if it was given several times, or undefined. */
  option(name: string): string | undefined;
  /** Every value of an option, in order. */
  values(name: string): readonly string[];
  /** Whether a switch was given. */
  flag(name: string): boolean;
}

/** A `usage` error. {@linkcode runProgram} adds the way to the help of the command that threw it. */
export function usage(message: string): SallyportError {
  return new SallyportError("usage", message);
}

/** Whether words ask for help, wherever among them. */
export function asksForHelp(words: readonly string[]): boolean {
  return words.includes("--help") || words.includes("-h");
}

/**
 * Parses the words behind a command's name against its options.
 *
 * @throws {SallyportError} `usage` naming the option that is unknown or lacks its value.
 */
export function parseWords(words: readonly string[], options: readonly Option[]): ParsedWords {
  const valued = options.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const switches = options.filter(({ value }) => value === undefined).map(({ name }) => name);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs([...words], {
    string: [...valued, "_"],
    collect: valued,
    boolean: [...switches, "json"],
    unknown: (word: string, name?: string) => {
      if (name !== undefined) throw usage(`there is no option ${word}`);
      return true;
    },
  });
  const given = new Map(valued.map((name) => [name, parsed[name] as string[]]));
  for (const [name, values] of given) if (values.includes("")) throw usage(`--${name} needs a value`);
  return {
    words: parsed._.map(String),
    option: (name) => given.get(name)?.at(-1),
    values: (name) => given.get(name) ?? [],
    flag: (name) => switches.includes(name) && parsed[name] === true,
  };
}

/**
 * The one word that a command takes.
 *
 * @throws {SallyportError} `usage` when there are none or more.
 */
export function oneWord(command: CommandDescription, words: readonly string[]): string {
  if (words.length === 1) return words[0]!;
  throw usage(`"${command.name}" takes one ${command.usage}, and got ${words.length}`);
}
