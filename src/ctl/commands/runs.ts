import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";
import { duration, state, time } from "../format.ts";
import type { Run } from "./run.ts";

const FILTERS = ["agent", "process", "outcome", "limit", "before"] as const;

export const runs: Command = {
  name: "runs",
  usage: "",
  summary: "List runs, newest first",
  about: "A page at a time; the next one begins with the --before that is shown below the list.",
  options: [
    { name: "agent", value: "ID", summary: "Only runs of this agent" },
    { name: "process", value: "NAME", summary: "Only runs of this process" },
    { name: "outcome", value: "OUTCOME", summary: "succeeded, partial, failed, interrupted or running" },
    { name: "limit", value: "N", summary: "How many (default 50, at most 500)" },
    { name: "before", value: "ID", summary: "Only runs before this one" },
  ],
  examples: ["sallyportctl runs --outcome failed", "sallyportctl runs --process orders --limit 5"],
  async run(context) {
    const { platform, result } = context;
    const query = new URLSearchParams(given(context, FILTERS));
    const page = await platform.call<{ runs: Run[]; next?: string }>("GET", `/runs?${query}`);
    result(page, ({ runs, next }) => {
      if (runs.length === 0) return "No run here (yet).";
      const right = "right" as const;
      const list = table(
        [
          { title: "STARTED" },
          { title: "PROCESS" },
          { title: "AGENT" },
          { title: "OUTCOME" },
          { title: "TOOK", align: right },
          { title: "IN", align: right },
          { title: "OUT", align: right },
          { title: "FAILED", align: right },
          { title: "RUN" },
        ],
        runs.map((run) => [
          time(run.startedAt),
          printable(run.process),
          printable(run.agentName),
          state(run.outcome),
          duration(run.startedAt, run.endedAt),
          ...[run.documents.in, run.documents.out, run.documents.failed].map(String),
          run.id,
        ]),
      );
      return next ? `${list}\n\nMore: --before ${next}` : list;
    });
    return EXIT.ok;
  },
};
