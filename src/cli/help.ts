import { bold, dim } from "@std/fmt/colors";
import type { Command } from "./command.ts";

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    `${
      bold("sallyport")
    }: runs integration processes next to your data, and tells its platform how they went.`,
    "It opens every connection itself, reaches only its platform, and touches only the folder it is started in.",
    "",
    bold("Usage"),
    "  sallyport COMMAND [OPTIONS]",
    "",
    bold("Commands"),
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "sallyport COMMAND --help tells more, with examples. Every command takes --json.",
    `${
      dim("Exit codes: 0 done, 1 defect, 2 usage, 3 not enrolled, 4 unreachable, 5 refused, 6 not authentic,")
    }`,
    `${dim("            7 invalid input, 8 failed, 9 home unusable, 75 start again.")}`,
  ].join("\n");
}

/** All about one command. */
export function commandHelp(command: Command): string {
  const options = [
    ...command.options,
    { name: "json", summary: "write the result as JSON" },
    { name: "help", summary: "show this text" },
  ].map((
    { name, summary, ...rest },
  ) => [`--${name}${"value" in rest && rest.value ? ` ${rest.value}` : ""}`, summary]);
  const width = Math.max(...options.map(([left]) => left!.length));
  const usage = ["sallyport", command.name, command.usage, "[OPTIONS]"].filter((part) => part !== "").join(
    " ",
  );
  return [
    command.summary,
    "",
    bold("Usage"),
    `  ${usage}`,
    "",
    command.about,
    "",
    bold("Options"),
    ...options.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`),
    "",
    bold("Examples"),
    ...command.examples.map((example) => `  ${example}`),
  ].join("\n");
}
