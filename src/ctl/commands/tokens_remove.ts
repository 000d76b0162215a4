import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";

export const tokensRemove: Command = {
  name: "tokens remove",
  usage: "NAME",
  summary: "Take a token back: it is void from now on",
  about: "What its owner asked of agents goes on; take that back with `sallyportctl requests cancel`.",
  options: [],
  examples: ["sallyportctl tokens remove ada@example.com"],
  async run({ platform, result, words }) {
    const name = oneWord(tokensRemove, words);
    const removed = await platform.call<{ name: string }>("DELETE", `/tokens/${encodeURIComponent(name)}`);
    result(removed, ({ name }) => `The token of ${printable(name)} is void.`);
    return EXIT.ok;
  },
};
