import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { describeProblems } from "../base/yaml/problems.ts";
import { CONNECTORS } from "../connectors/mod.ts";
import { checkDefinition } from "../engine/definition/definition.ts";
import type { Command } from "./command.ts";
import { readInputFile } from "./input_file.ts";

/** `sallyport process check FILE...` */
export const processCheck: Command = {
  name: "process check",
  usage: "FILE...",
  summary: "Check process definitions, without running them",
  about:
    "Reads each file and names everything that is wrong with it, by line and field: unknown and missing\n" +
    "fields, wrong values, cron patterns, time zones, JSONata, and folders outside data/.\n" +
    "The exit code is 0 when all are valid and 7 when one is not.",
  options: [],
  examples: ["sallyport process check orders.yaml", "sallyport process check processes/*.yaml --json"],
  async run(context) {
    if (context.words.length === 0) throw usage("which file is to be checked?");
    const checked = [];
    for (const file of context.words) {
      const { process, problems } = checkDefinition(await readInputFile(file), CONNECTORS);
      const { name = "", version = "", definition = "", folders = [], track } = process ?? {};
      checked.push({
        file,
        valid: process !== undefined,
        process: name,
        version,
        definition,
        folders,
        tracks: track ? { until: track.until, fields: track.fields.map((field) => field.name) } : null,
        problems,
      });
    }
    const valid = checked.every((file) => file.valid);
    context.result({ valid, files: checked }, ({ files }) => {
      const good = files.filter((file) => file.valid);
      const parts = files.filter((file) => !file.valid).map(({ file, problems }) =>
        describeProblems(problems, file)
      );
      if (good.length > 0) {
        parts.push(table(
          [{ title: "VALID" }, { title: "PROCESS" }, { title: "VERSION" }, { title: "DEFINITION" }, {
            title: "FOLDERS BELOW data/",
          }, { title: "TRACKS" }],
          good.map(({ file, process, version, definition, folders, tracks }) => [
            file,
            process,
            version || "-",
            definition,
            folders.join(" "),
            tracks ? describeTracks(tracks, context.clock.now()) : "-",
          ]),
        ));
      }
      return parts.join("\n\n");
    });
    return valid ? EXIT.ok : EXIT.invalidInput;
  },
};

/** Fields leave only where the owner's policy allows the class data as well, which is not looked at here. */
function describeTracks({ until, fields }: { until: string; fields: string[] }, now: number): string {
  const end = Date.parse(until) < now ? `until ${until}, which has passed` : `until ${until}`;
  return `${fields.join(", ")} ${end}`;
}
