import { compilePolicy } from "../../../src/gate/policy/policy.ts";
import { readPolicy } from "../../../src/gate/policy/read.ts";
import type { FuzzTarget } from "../target.ts";

const NOW = Date.UTC(2026, 0, 1);

/** The owner's policy: whatever the text, it is either in force or wrong at places that are in the text. */
export const policy: FuzzTarget = {
  name: "policy",
  dictionary: [
    "send: ",
    "allow",
    "deny",
    "ask",
    "hashed",
    "- ",
    "  ",
    "\n",
    "&a ",
    "*a",
    '["*"]',
    "budget: ",
    "9 MiB",
    "until: ",
  ],
  run(input) {
    const text = new TextDecoder().decode(input);
    const { options, problems } = readPolicy(text, NOW);
    const lines = text.split("\n").length;
    if (problems.some(({ line }) => line !== undefined && (line < 1 || line > lines))) {
      throw new Error("a problem stands at a line that is not in the text");
    }
    if (!options && problems.length === 0) throw new Error("a policy is refused without a word");
    if (options && compilePolicy(options).hash !== compilePolicy(structuredClone(options)).hash) {
      throw new Error("the same policy has two hashes");
    }
  },
};
