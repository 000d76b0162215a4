import type { Command } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";
import { COMMANDS } from "./commands.ts";

/** The help of the whole tool. */
export function overview(): string {
  return [
    "sallyportctl: look at a Sallyport platform and hand out processes.",
    "",
    "Usage: sallyportctl COMMAND [options]",
    "",
    "Commands:",
    ...columns(COMMANDS.map(({ name, usage, summary }) => [`${name} ${usage}`.trim(), summary])),
    "",
    ...commonOptions(),
    "",
    "Examples:",
    "  export SALLYPORT_PLATFORM=https://127.0.0.1:8443 SALLYPORT_CA=platform-data/ca.pem SALLYPORT_TOKEN=...",
    "  sallyportctl enrolment create --name till-7",
    "  sallyportctl process publish orders.yaml",
    "  sallyportctl watch",
    "",
    "Help on one command: sallyportctl COMMAND --help",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp({ name, usage, summary, about, options, examples }: Command): string {
  return [
    `${summary}.`,
    "",
    `Usage: sallyportctl ${`${name} ${usage}`.trim()} [options]`,
    "",
    about,
    "",
    ...(options.length > 0
      ? ["Options:", ...columns(options.map((o) => [`--${o.name} ${o.value}`, o.summary])), ""]
      : []),
    ...commonOptions(),
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}

function commonOptions(): string[] {
  return [
    "Every command takes:",
    ...columns([
      ...COMMON_OPTIONS.map((o) => [`--${o.name} ${o.value}`, o.summary] as const),
      ["--json", "The result as JSON"],
      ["--help", "Help with examples"],
    ]),
  ];
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
