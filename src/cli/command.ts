import type { Command as AnyCommand } from "../base/command_line/command.ts";
import type { Invocation } from "../base/command_line/program.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** What a command gets to work with. Paths are relative to the agent's home, which is the current folder. */
export interface CommandContext extends Invocation {
  clock: Clock;
  log: Log;
  /** URL of the program's own module: the engine's Worker runs it too. */
  entry: string;
}

/** One command: one file, and one line in `commands.ts`. */
export interface Command extends AnyCommand<CommandContext> {
  /** Runs until it is told to stop; with `--json` its log is JSON lines on standard error. */
  longRunning?: boolean;
}
