import { EXIT } from "../base/exit_codes.ts";
import { CONNECTORS } from "../connectors/mod.ts";
import { processJsonSchema } from "../engine/definition/definition.ts";
import type { Command } from "./command.ts";

/** `sallyport process schema` */
export const processSchema: Command = {
  name: "process schema",
  usage: "",
  summary: "Print the JSON Schema of process definitions, for editors",
  about:
    "Editors with YAML support complete and check a definition against it. Save it beside your processes\n" +
    "and begin each with:  # yaml-language-server: $schema=./process.schema.json",
  options: [],
  examples: ["sallyport process schema > process.schema.json"],
  run(context) {
    context.result(processJsonSchema(CONNECTORS), (schema) => JSON.stringify(schema, null, 2));
    return Promise.resolve(EXIT.ok);
  },
};
