import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { Command } from "../command.ts";
import type { Token } from "./tokens.ts";

export const tokensCreate: Command = {
  name: "tokens create",
  usage: "NAME",
  summary: "Make a token for a person or a program",
  about:
    "The token is printed once and stored nowhere. Without rights it may only look. `administer` changes what\n" +
    "there is; `logs`, `errors` and `schema` ask agents for that, `data` reads fields of documents.",
  options: [{
    name: "right",
    value: "RIGHT",
    summary: "administer, logs, errors, schema; may be given several times",
  }],
  examples: ["sallyportctl tokens create ada@example.com --right logs --right errors"],
  async run({ platform, result, values, words }) {
    const body = { name: oneWord(tokensCreate, words), rights: values("right") };
    result(await platform.call<Token & { token: string }>("POST", "/tokens", body), ({ token }) => token);
    return EXIT.ok;
  },
};
