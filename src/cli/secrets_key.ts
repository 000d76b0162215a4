import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { STATE_FOLDER } from "../agent/home.ts";
import { ensureSealingKeys } from "../agent/sealing_keys.ts";
import { sealingKeyText } from "../trust/sealing.ts";
import type { Command } from "./command.ts";

/** `sallyport secrets key` */
export const secretsKey: Command = {
  name: "secrets key",
  usage: "",
  summary: "Print the key to which secrets for this agent are sealed",
  about:
    "Whoever has this key can seal a secret that only this agent can read, with `sallyportctl secret seal`, and\n" +
    "nobody can read one with it. The sealed line goes into a file in secrets/, in the place of the secret.\n" +
    "The private half is made on first need, stays in state/, and is never sent.",
  options: [],
  examples: ["sallyport secrets key", "sallyport secrets key --json"],
  async run(context) {
    if (context.words.length > 0) throw usage("it takes no words");
    const key = await sealingKeyText(await ensureSealingKeys(STATE_FOLDER));
    context.result({ key }, ({ key }) => key);
    return EXIT.ok;
  },
};
