import { EXIT } from "../base/exit_codes.ts";
import { POLICY_TEMPLATE } from "../gate/policy/template.ts";
import type { Command } from "./command.ts";

/** `sallyport policy init` */
export const policyInit: Command = {
  name: "policy init",
  usage: "",
  summary: "Print a policy.yaml with comments, that says what holds without one",
  about:
    `Prints the file, because this program cannot write it: its permissions forbid it to touch policy.yaml.
Let the shell write it, and change what you want otherwise. Without the file the same rules hold.`,
  options: [],
  examples: ["sallyport policy init > policy.yaml", "sallyport policy init --json | jq -r .policy"],
  run(context) {
    context.result({ policy: POLICY_TEMPLATE }, ({ policy }) => policy.trimEnd());
    return Promise.resolve(EXIT.ok);
  },
};
