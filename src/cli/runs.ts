import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { recentRuns } from "../engine/runs.ts";
import type { RunSummary } from "../engine/runs.ts";
import { migrateEngine } from "../engine/tables.ts";
import type { Command } from "./command.ts";
import { wholeNumber } from "./egress_ledger.ts";
import { outcomeText, seconds } from "./run_records.ts";
import { withState } from "./state.ts";

/** `sallyport runs` */
export const runs: Command = {
  name: "runs",
  usage: "",
  summary: "List the latest runs, with the ids that logs and errors take",
  about: "Lists what ran in this home, by the agent or by hand, the newest first.",
  options: [
    { name: "last", value: "N", summary: "How many runs to list (default: 20)" },
    { name: "process", value: "NAME", summary: "Only runs of this process" },
  ],
  examples: ["sallyport runs", "sallyport runs --process orders --last 1 --json | jq -r '.runs[0].runId'"],
  async run({ option, result }) {
    const last = wholeNumber("--last", option("last") ?? "20");
    const found = await withState((db) => {
      migrateEngine(db);
      return recentRuns(db, last, option("process") ?? null);
    });
    result({ runs: found ?? [] }, asText);
    return EXIT.ok;
  },
};

function asText({ runs }: { runs: RunSummary[] }): string {
  if (runs.length === 0) return "Nothing ran in this home.";
  const columns = ["Run", "Process", "Started", "Outcome", "Took", "In", "Out", "Failed"];
  return table(
    columns.map((title, i) => ({ title, align: i > 3 ? "right" : "left" })),
    runs.map(({ runId, process, startedAt, endedAt, outcome, documents }) => [
      runId,
      process,
      startedAt,
      outcomeText(outcome),
      endedAt === undefined ? "" : seconds(Date.parse(endedAt) - Date.parse(startedAt)),
      ...[documents?.in, documents?.out, documents?.failed].map((count) => String(count ?? "")),
    ]),
  );
}
