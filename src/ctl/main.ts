import { VERSION } from "../base/version.ts";
import type { Program } from "../base/command_line/program.ts";
import { runProgram } from "../base/command_line/program.ts";
import type { Command, LocalCommand } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { connect } from "./connection.ts";

/** The customer's own tool. */
export const PROGRAM: Program<Command | LocalCommand> = {
  name: "sallyportctl",
  about: "sallyportctl: look at a Sallyport platform and hand out processes.",
  notes: `Examples:
  export SALLYPORT_PLATFORM=https://127.0.0.1:8443 SALLYPORT_CA=platform-data/ca.pem SALLYPORT_TOKEN=...
  sallyportctl enrolment create --name till-7
  sallyportctl process publish orders.yaml
  sallyportctl watch`,
  commonOptions: COMMON_OPTIONS,
  commands: COMMANDS,
  // One release carries all programs: a test compares this with the agent's, whose code is not ours to import.
  version: { version: VERSION },
  async run(command, invocation) {
    if ("local" in command) return await command.run(invocation);
    using platform = await connect(invocation);
    return await command.run({ ...invocation, platform });
  },
};

if (import.meta.main) Deno.exit(await runProgram(PROGRAM, Deno.args));
