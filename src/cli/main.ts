import { bold, red } from "@std/fmt/colors";
import { systemClock } from "../base/clock.ts";
import type { SallyportError } from "../base/errors.ts";
import { asSallyportError } from "../base/errors.ts";
import { EXIT, exitCodeFor } from "../base/exit_codes.ts";
import { createLog, silentLog } from "../base/log.ts";
import { printable, useColourOnTerminalsOnly } from "../base/terminal.ts";
import { baked, BUILD } from "../agent/build.ts";
import { parseWords, usage } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { commandHelp, overview } from "./help.ts";

/**
 * The command line of the agent: finds the command, runs it, and turns whatever it throws into a message that
 * teaches and an exit code. The only place that does either.
 *
 * @param entry URL of the program's own module, which the engine's Worker runs too
 */
export async function main(args: readonly string[], entry: string): Promise<number> {
  useColourOnTerminalsOnly();
  const json = args.includes("--json");
  try {
    return await dispatch(args, json, entry);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    if (json) console.log(JSON.stringify({ error }));
    else console.error(explain(error));
    return exitCodeFor(error.code);
  }
}

async function dispatch(args: readonly string[], json: boolean, entry: string): Promise<number> {
  const [first] = args;
  if (first === "--version" || first === "version") {
    printVersion(json);
    return EXIT.ok;
  }
  const name = findCommand(args);
  if (name === undefined) return await showOverview(args);
  const command = await COMMANDS[name]!();
  const { words, options } = parseWords(command, args.slice(command.name.split(" ").length));
  if (options.has("help")) {
    console.log(commandHelp(command));
    return EXIT.ok;
  }
  const stopping = new AbortController();
  const release = onStopSignals(() => stopping.abort());
  try {
    return await command.run({
      words,
      option: (name) => options.get(name) as string | undefined,
      flag: (name) => options.get(name) === true,
      json,
      clock: systemClock,
      log: json && !command.longRunning
        ? silentLog
        : createLog({ clock: systemClock, format: json || !Deno.stderr.isTerminal() ? "json" : "text" }),
      signal: stopping.signal,
      entry,
      print: (line) => console.log(line),
      result: (value, text) => console.log(json ? JSON.stringify(value) : text(value)),
    });
  } finally {
    release();
  }
}

/** The name with the most words that the arguments begin with. */
function findCommand(args: readonly string[]): string | undefined {
  return Object.keys(COMMANDS)
    .filter((name) => name.split(" ").every((word, i) => args[i] === word))
    .sort((a, b) => b.length - a.length)[0];
}

/** The list of all commands, or of those that begin with the word given. */
async function showOverview(args: readonly string[]): Promise<number> {
  const [first] = args;
  const asked = first === undefined || ["help", "--help", "-h"].includes(first);
  const names = Object.keys(COMMANDS).filter((name) => asked || name.startsWith(`${first} `));
  if (names.length === 0) throw usage(`there is no command "${printable(first ?? "")}"`);
  console.log(overview(await Promise.all(names.map((name) => COMMANDS[name]!()))));
  return first !== undefined && (asked || args.includes("--help")) ? EXIT.ok : EXIT.usage;
}

function onStopSignals(stop: () => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  return () => signals.forEach((signal) => Deno.removeSignalListener(signal, stop));
}

function explain(error: SallyportError): string {
  const lines = [`${red(bold("error"))} ${error.message}`, error.remedy ?? "", `(${error.code})`];
  return lines.filter((line) => line !== "").map(printableLine).join("\n");
}

function printableLine(text: string): string {
  // Colours are ours and stay; anything else that could drive the terminal is made visible.
  return text.split("\x1b[").map(printable).join("\x1b[");
}

function printVersion(json: boolean): void {
  const facts = {
    version: BUILD.version,
    commit: baked(BUILD.commit) ?? null,
    platform: baked(BUILD.platform) ?? null,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    target: Deno.build.target,
  };
  console.log(
    json ? JSON.stringify(facts) : `sallyport ${facts.version} (deno ${facts.deno}, ${facts.target})`,
  );
}
