import { CONNECTORS } from "../../../src/connectors/mod.ts";
import { parseDefinition } from "../../../src/engine/definition/definition.ts";
import { refusing } from "../refusing.ts";
import type { FuzzTarget } from "../target.ts";

/** A process definition, which the platform sends. */
export const processDefinition: FuzzTarget = {
  name: "process",
  dictionary: [
    "process: ",
    "- ",
    "  ",
    "\n",
    "&a ",
    "*a",
    "<<: ",
    "!!js ",
    "{",
    "}",
    "steps:",
    "disk:",
    "glob: ",
    "../",
    "(a+)+$",
  ],
  run(input) {
    refusing(
      ["process.invalid"],
      () => parseDefinition(new TextDecoder().decode(input), "fuzz.yaml", CONNECTORS),
    );
  },
};
