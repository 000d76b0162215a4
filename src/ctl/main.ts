import { red } from "@std/fmt/colors";
import { asSallyportError, messageOf, SallyportError } from "../base/errors.ts";
import { EXIT, exitCodeFor } from "../base/exit_codes.ts";
import { printable, useColourOnTerminalsOnly } from "../base/terminal.ts";
import { parseWords } from "./command.ts";
import { findCommand } from "./commands.ts";
import { connect } from "./connection.ts";
import { commandHelp, overview } from "./help.ts";

/** Runs one command line and gives its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  useColourOnTerminalsOnly();
  const json = args.includes("--json");
  try {
    return await dispatch(args, json);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    if (json) console.error(JSON.stringify({ error }));
    else {
      console.error(`${red("error:")} ${printable(messageOf(error))}`);
      if (error.remedy) console.error(printable(error.remedy));
    }
    return exitCodeFor(error.code);
  }
}

async function dispatch(args: readonly string[], json: boolean): Promise<number> {
  const found = findCommand(args);
  if (!found) {
    const word = args.find((arg) => !arg.startsWith("-"));
    if (word === undefined) {
      console.log(overview());
      return args.includes("--help") ? EXIT.ok : EXIT.usage;
    }
    throw new SallyportError("usage", `there is no command "${word}"`, {
      remedy: "See: sallyportctl --help",
    });
  }
  const { command, rest } = found;
  if (rest.includes("--help")) {
    console.log(commandHelp(command));
    return EXIT.ok;
  }
  const { words, options } = parseWords(command, rest);
  using platform = await connect(command, options);
  using interrupt = interruptSignal();
  return await command.run({
    words,
    option: (name) => options.get(name),
    json,
    platform,
    signal: interrupt.signal,
    result: (value, text) => console.log(json ? JSON.stringify(value) : text(value)),
  });
}

/** A signal that aborts on SIGINT and SIGTERM, as long as it is held. */
function interruptSignal(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const signals = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, abort);
    },
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
