import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { time } from "../format.ts";

/** A token as the API gives it. */
export interface Token {
  name: string;
  rights: string[];
  createdAt: string;
}

export const tokens: Command = {
  name: "tokens",
  usage: "",
  summary: "List who may use the platform's API, and for what",
  about: "Every token may look at everything. Its name is what agents and the audit know its owner by.",
  options: [],
  examples: ["sallyportctl tokens"],
  async run({ platform, result }) {
    result(await platform.call<{ tokens: Token[] }>("GET", "/tokens"), ({ tokens }) =>
      table(
        ["NAME", "RIGHTS", "SINCE"].map((title) => ({ title })),
        tokens.map((
          { name, rights, createdAt },
        ) => [printable(name), rights.join(", ") || "-", time(createdAt)]),
      ));
    return EXIT.ok;
  },
};
