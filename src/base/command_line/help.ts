import { bold } from "@std/fmt/colors";
import type { CommandDescription, Option } from "./command.ts";

/** Facts about a build, the version first. */
export type VersionFacts = { version: string } & Record<string, string | null>;

/** What the help must know of a program. */
export interface ProgramDescription {
  /** The words that start it. */
  name: string;
  /** What it is, in a few lines: the head of its help. */
  about: string;
  /** The options that every command of it takes, beside `--json` and `--help`. */
  commonOptions?: readonly Option[];
  /** What `--version` tells; a program without does not have the option. */
  version?: VersionFacts;
  /** The end of its help: examples, exit codes. */
  notes?: string;
}

const EVERYWHERE: readonly Option[] = [
  { name: "json", summary: "The result, or the error, as JSON" },
  { name: "help", summary: "Help with examples" },
];

/** The help of a program: what it is, and these of its commands. */
export function overview(
  { name, about, commonOptions = [], version, notes }: ProgramDescription,
  commands: readonly CommandDescription[],
): string {
  return [
    about,
    `${bold("Usage:")} ${name} COMMAND [OPTIONS]`,
    `${bold("Commands:")}\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    `${bold("Every command takes:")}\n${optionColumns([...commonOptions, ...EVERYWHERE])}`,
    ...notes === undefined ? [] : [notes],
    `Help on one command: ${name} COMMAND --help` +
    (version ? `\nWhich build this is: ${name} --version` : ""),
  ].join("\n\n");
}

/** The help of one command. */
export function commandHelp(program: ProgramDescription, command: CommandDescription): string {
  const line = [program.name, command.name, command.usage, "[OPTIONS]"].filter((part) => part !== "");
  const options = [...command.options, ...program.commonOptions ?? [], ...EVERYWHERE];
  return [
    `${command.summary}.`,
    `${bold("Usage:")} ${line.join(" ")}`,
    command.about,
    `${bold("Options:")}\n${optionColumns(options)}`,
    `${bold("Examples:")}\n${command.examples.map((example) => `  ${example}`).join("\n")}`,
  ].join("\n\n");
}

function optionColumns(options: readonly Option[]): string {
  return columns(options.map(({ name, value, summary }) => [`--${name} ${value ?? ""}`.trimEnd(), summary]));
}

function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const indent = `\n${" ".repeat(width + 4)}`;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right.replaceAll("\n", indent)}`).join("\n");
}
