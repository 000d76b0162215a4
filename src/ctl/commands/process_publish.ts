import { basename } from "@std/path";
import { parse } from "yaml";
import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { Command } from "../command.ts";
import { readFile } from "../connection.ts";

interface Published {
  name: string;
  version: number;
  created: boolean;
  agents: "all" | string[];
}

export const processPublish: Command = {
  name: "process publish",
  usage: "FILE",
  summary: "Publish a process; connected agents get it at once",
  about:
    "The process is named by the `name` in the file, or else by the file. The same text again makes no new\n" +
    "version. What each agent made of it: sallyportctl processes",
  options: [
    { name: "name", value: "NAME", summary: "The process's name, if not the one in the file" },
    { name: "agents", value: "ID,ID", summary: "Only these agents get it (default: all)" },
  ],
  examples: [
    "sallyportctl process publish orders.yaml",
    "sallyportctl process publish orders.yaml --agents 0198…",
  ],
  async run({ option, platform, result, words }) {
    const path = oneWord(this, words);
    const definition = await readFile(path);
    const name = option("name") ?? nameIn(definition) ?? basename(path).replace(/\.ya?ml$/, "");
    const published = await platform.call<Published>("PUT", `/processes/${encodeURIComponent(name)}`, {
      definition,
      ...(option("agents") ? { agents: option("agents")!.split(",") } : {}),
    });
    result(
      published,
      ({ name, version, created }) =>
        created
          ? `Published ${name}, version ${version}. What each agent made of it: sallyportctl processes`
          : `${name} is unchanged: version ${version} has this very text.`,
    );
    return EXIT.ok;
  },
};

/** The name in a definition; a text that is no YAML is left to the platform, which says what is wrong with it. */
function nameIn(definition: string): string | undefined {
  try {
    const { name } = parse(definition) as { name?: unknown };
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
