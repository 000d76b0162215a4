import type { Command } from "./command.ts";
import { agents } from "./commands/agents.ts";
import { enrolmentCreate } from "./commands/enrolment_create.ts";
import { processPublish } from "./commands/process_publish.ts";
import { processRemove } from "./commands/process_remove.ts";
import { processes } from "./commands/processes.ts";
import { run } from "./commands/run.ts";
import { runs } from "./commands/runs.ts";
import { watch } from "./commands/watch.ts";

/** Every command of `sallyportctl`, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  enrolmentCreate,
  agents,
  processPublish,
  processRemove,
  processes,
  runs,
  run,
  watch,
];

/** The command that the first words name, and the words behind it; the longest name wins. */
export function findCommand(words: readonly string[]): { command: Command; rest: string[] } | undefined {
  const byLength = [...COMMANDS].sort((a, b) => b.name.length - a.name.length);
  for (const command of byLength) {
    const name = command.name.split(" ");
    if (name.every((word, i) => words[i] === word)) return { command, rest: words.slice(name.length) };
  }
  return undefined;
}
