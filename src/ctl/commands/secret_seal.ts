import { oneWord, usage } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { sealSecret } from "../../trust/sealed_secret.ts";
import type { LocalCommand } from "../command.ts";

/** `sallyportctl secret seal NAME` */
export const secretSeal: LocalCommand = {
  name: "secret seal",
  usage: "NAME",
  summary: "Seal a secret, so that only one agent can read it",
  about:
    "Reads the secret from standard input and prints a line that may pass any hands: by HPKE (RFC 9180), to the\n" +
    "key that `sallyport secrets key` prints on the agent's machine. NAME is the file in secrets/ that the line\n" +
    "goes into; it is bound to it. Works without a platform.",
  options: [{ name: "key", value: "KEY", summary: "The agent's key" }],
  examples: ["sallyportctl secret seal shop --key BKx... < password.txt > secrets/shop"],
  local: true,
  async run(context) {
    const name = oneWord(secretSeal, context.words);
    const key = context.option("key");
    if (key === undefined) throw usage("--key is needed: the agent's, as `sallyport secrets key` prints it");
    const secret = (await new Response(Deno.stdin.readable).text()).replace(/\r?\n$/, "");
    if (secret === "" || /[\r\n\0]/.test(secret)) {
      throw usage("standard input must hold one line, the secret");
    }
    const sealed = await sealSecret(key, name, secret).catch((error) => {
      throw error instanceof TypeError ? usage(`--key: ${error.message}`) : error;
    });
    context.result({ name, sealed }, ({ sealed }) => sealed);
    return EXIT.ok;
  },
};
