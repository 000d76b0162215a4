import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { Command } from "../command.ts";

export const processRemove: Command = {
  name: "process remove",
  usage: "NAME",
  summary: "Take a process from all agents",
  about: "Its versions and runs stay on the platform, and it can be published again.",
  options: [],
  examples: ["sallyportctl process remove orders"],
  async run({ platform, result, words }) {
    const name = oneWord(this, words);
    result(
      await platform.call<{ name: string }>("DELETE", `/processes/${encodeURIComponent(name)}`),
      ({ name }) => `Removed ${name}; its agents stop it when they hear of it.`,
    );
    return EXIT.ok;
  },
};
