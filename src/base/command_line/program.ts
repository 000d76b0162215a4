import { bold, red } from "@std/fmt/colors";
import { asSallyportError, messageOf } from "../errors.ts";
import type { SallyportError } from "../errors.ts";
import { EXIT, exitCodeFor } from "../exit_codes.ts";
import { printable, useColourOnTerminalsOnly } from "../terminal.ts";
import { asksForHelp, parseWords, usage } from "./command.ts";
import type { CommandDescription, ParsedWords } from "./command.ts";
import { commandHelp, overview } from "./help.ts";
import type { ProgramDescription, VersionFacts } from "./help.ts";

/** What every command gets to work with; a program adds what is its own. */
export interface Invocation extends ParsedWords {
  json: boolean;
  /** Aborts on SIGINT and SIGTERM. */
  signal: AbortSignal;
  /** Writes the result: `value` as one line of JSON with `--json`, else what `text` makes of it. */
  result<T>(value: T, text: (value: T) => string): void;
}

/** A program and its commands. */
export interface Program<C extends CommandDescription> extends ProgramDescription {
  /** By name, in the order of the help. Only the command that is called is loaded, and all of them for the help. */
  commands: Readonly<Record<string, () => Promise<C>>>;
  /** Runs a command, with what the program's commands get beside the invocation; gives the exit code. */
  run(command: C, invocation: Invocation): Promise<number>;
}

/**
 * Runs one command line: finds the command, runs it, and turns whatever it throws into a message that teaches
 * and an exit code. The only place that does either.
 */
export async function runProgram<C extends CommandDescription>(
  program: Program<C>,
  args: readonly string[],
): Promise<number> {
  useColourOnTerminalsOnly();
  const json = args.includes("--json");
  const name = findCommand(Object.keys(program.commands), args);
  try {
    if (program.version && ["--version", "version"].includes(args[0] ?? "")) {
      return printVersion(program.name, program.version, json);
    }
    if (name === undefined) return await showOverview(program, args, json);
    const command = await program.commands[name]!();
    const words = args.slice(wordsOf(name).length);
    if (asksForHelp(words)) {
      console.log(commandHelp(program, command));
      return EXIT.ok;
    }
    return await runCommand(program, command, words, json);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const help = [program.name, ...wordsOf(name ?? ""), "--help"].join(" ");
    printError(error, error.remedy ?? (error.code === "usage" ? `See: ${help}` : undefined), json);
    return exitCodeFor(error.code);
  }
}

async function runCommand<C extends CommandDescription>(
  program: Program<C>,
  command: C,
  words: readonly string[],
  json: boolean,
): Promise<number> {
  const parsed = parseWords(words, [...command.options, ...program.commonOptions ?? []]);
  refuseNeedlessWords(program, command, parsed.words);
  using stop = stopSignal();
  return await program.run(command, {
    ...parsed,
    json,
    signal: stop.signal,
    result: (value, text) => console.log(json ? JSON.stringify(value) : text(value)),
  });
}

/** A word too many may be a command that was mistyped, or the value of an option whose name was left out. */
function refuseNeedlessWords<C extends CommandDescription>(
  program: Program<C>,
  command: C,
  words: readonly string[],
): void {
  const takesWords = command.usage !== "" && !command.usage.startsWith("--");
  if (takesWords || words.length === 0) return;
  const name = [program.name, ...wordsOf(command.name)].join(" ");
  const longer = Object.keys(program.commands).filter((other) => other.startsWith(`${command.name} `));
  const others = longer.length > 0 ? `; there are also the commands ${longer.join(", ")}` : "";
  throw usage(`"${name}" takes no words, and got "${words.join(" ")}"${others}`);
}

/** The name with the most words that the arguments begin with. */
function findCommand(names: readonly string[], args: readonly string[]): string | undefined {
  return names
    .filter((name) => wordsOf(name).every((word, i) => args[i] === word))
    .sort((a, b) => wordsOf(b).length - wordsOf(a).length)[0];
}

function wordsOf(name: string): string[] {
  return name === "" ? [] : name.split(" ");
}

/** The help of all commands, or of those that begin with the word given; it is an error unless it was asked for. */
async function showOverview<C extends CommandDescription>(
  program: Program<C>,
  args: readonly string[],
  json: boolean,
): Promise<number> {
  const [first = ""] = args;
  const asked = first === "help" || asksForHelp(args);
  const all = first === "" || first === "help" || first.startsWith("-");
  const names = Object.keys(program.commands).filter((name) => all || name.startsWith(`${first} `));
  if (names.length === 0) throw usage(`there is no command "${first}"`);
  if (!asked && first.startsWith("-")) throw usage(`a command must stand before ${first}`);
  if (!asked && json) throw usage(`"${first}" needs another word to be a command`);
  console.log(overview(program, await Promise.all(names.map((name) => program.commands[name]!()))));
  return asked ? EXIT.ok : EXIT.usage;
}

/** A signal that aborts on SIGINT and SIGTERM, as long as it is held. */
function stopSignal(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, abort);
    },
  };
}

/** To standard output as JSON, where a script reads the result too; else to standard error. */
function printError(error: SallyportError, remedy: string | undefined, json: boolean): void {
  const message = messageOf(error);
  if (json) {
    console.log(JSON.stringify({ error: { ...error.toJSON(), message, ...remedy ? { remedy } : {} } }));
    return;
  }
  // Colours follow standard output, which may be a terminal while standard error is a file.
  const mark = Deno.stderr.isTerminal() ? red(bold("error")) : "error";
  const lines = [...message.split("\n"), ...remedy ? remedy.split("\n") : [], `(${error.code})`];
  console.error(`${mark} ${lines.map(printable).join("\n")}`);
}

function printVersion(name: string, facts: VersionFacts, json: boolean): number {
  const { deno, v8 } = Deno.version;
  const { target } = Deno.build;
  console.log(
    json
      ? JSON.stringify({ ...facts, deno, v8, target })
      : `${name} ${facts.version} (deno ${deno}, ${target})`,
  );
  return EXIT.ok;
}
