import type { Command as AnyCommand, Option } from "../base/command_line/command.ts";
import type { Invocation } from "../base/command_line/program.ts";
import type { PlatformClient } from "./client.ts";

/** What a command gets to work with. */
export interface CommandContext extends Invocation {
  /** The platform's API, as the token's owner. */
  platform: PlatformClient;
}

/** One command: one file, and one line in `commands.ts`. */
export type Command = AnyCommand<CommandContext>;

/** A command that works on this machine alone, and needs no platform. */
export interface LocalCommand extends AnyCommand<Invocation> {
  local: true;
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

/** Of these options, those that were given. */
export function given(
  { option }: Pick<Invocation, "option">,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = option(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
