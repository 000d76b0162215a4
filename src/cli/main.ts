import { systemClock } from "../base/clock.ts";
import type { Program } from "../base/command_line/program.ts";
import { runProgram } from "../base/command_line/program.ts";
import { createLog, silentLog } from "../base/log.ts";
import { baked, BUILD } from "../agent/build.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";

/**
 * The command line of the agent.
 *
 * @param entry URL of the program's own module, which the engine's Worker runs too
 */
export function main(args: readonly string[], entry: string): Promise<number> {
  const program: Program<Command> = {
    name: "sallyport",
    about: `sallyport: runs integration processes next to your data, and tells its platform how they went.
It opens every connection itself, reaches only its platform, and touches only the folder it is started in.`,
    notes: `Exit codes: 0 done, 1 defect, 2 usage, 3 not enrolled, 4 unreachable, 5 refused, 6 not authentic,
            7 invalid input, 8 failed, 9 home unusable, 75 start again.`,
    commands: COMMANDS,
    version: {
      version: BUILD.version,
      commit: baked(BUILD.commit) ?? null,
      platform: baked(BUILD.platform) ?? null,
    },
    run(command, invocation) {
      const { json } = invocation;
      const format = json || !Deno.stderr.isTerminal() ? "json" : "text";
      // A short command's result says everything; a log beside it would only be noise to a script.
      const log = json && !command.longRunning ? silentLog : createLog({ clock: systemClock, format });
      return command.run({ ...invocation, clock: systemClock, log, entry });
    },
  };
  return runProgram(program, args);
}
