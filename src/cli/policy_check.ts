import { green, yellow } from "@std/fmt/colors";
import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { printable } from "../base/terminal.ts";
import { describeProblems } from "../base/yaml/problems.ts";
import { BUILT_IN_RULES } from "../base/redaction/built_in/mod.ts";
import { compilePolicy } from "../gate/policy/policy.ts";
import type { Command } from "./command.ts";
import { chosenFile, policyTable } from "./policy_file.ts";

/** `sallyport policy check [FILE]` */
export const policyCheck: Command = {
  name: "policy check",
  usage: "[FILE]",
  summary: "Check policy.yaml, and say what it lets leave",
  about:
    `Reads the file (default: policy.yaml) and names everything that is wrong with it, by line and column,
and what is allowed but perhaps not meant. Then it shows what the policy decides, defaults included.
An agent with a file that is not valid sends nothing but a bare status that says so. The exit code is 0
when the file is valid, also with warnings, or when there is none and the default holds; else 7.`,
  options: [],
  examples: ["sallyport policy check", "sallyport policy check new.yaml --json | jq .problems"],
  async run(context) {
    const [file, ...more] = context.words;
    if (more.length > 0) throw usage(`"policy check" takes one FILE, and got ${context.words.length}`);
    const { options, source, fault, warnings } = await chosenFile(context, file);
    const valid = fault === undefined;
    const result = {
      valid,
      source,
      hash: valid ? compilePolicy(options).hash : null,
      message: fault?.message ?? "",
      problems: fault?.problems ?? [],
      warnings,
      options: valid ? options : null,
    };
    context.result(result, ({ options, hash, message }) => {
      if (options === null) return message.split("\n").map(printable).join("\n");
      const rules = [...BUILT_IN_RULES, ...options.redaction].map(({ name }) => name);
      return [
        source === "default"
          ? "There is no policy.yaml; the default holds."
          : `${source} is ${green("valid")}.`,
        `Hash: ${hash}`,
        "",
        policyTable(options),
        "",
        `Taken out of texts about errors: ${rules.join(", ")}.`,
        ...warnings.length === 0
          ? []
          : ["", yellow("Perhaps not meant:"), describeProblems(warnings, source)],
      ].join("\n");
    });
    return valid ? EXIT.ok : EXIT.invalidInput;
  },
};
