import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import { printable } from "../../base/terminal.ts";
import type { TrackedFile } from "../../protocol/payloads/tracking.ts";
import type { Command } from "../command.ts";
import { bytes, duration, facts, state, time } from "../format.ts";

/** A run as the API gives it. */
export interface Run {
  id: string;
  agent: string;
  agentName: string;
  process: string;
  version: string;
  trigger: string;
  startedAt: string;
  endedAt?: string;
  outcome: string;
  documents: { in: number; out: number; filtered: number; failed: number };
  bytesIn: number;
  bytesOut: number;
  fileCount: number;
  error?: { code: string; message: string };
}

export const run: Command = {
  name: "run",
  usage: "ID",
  summary: "Show one run with its files",
  about: "The ids are in the list of `sallyportctl runs`.",
  options: [],
  examples: ["sallyportctl run 01980000-0000-7000-8000-000000000000"],
  async run({ platform, result, words }) {
    const id = oneWord(this, words);
    const found = await platform.call<Run & { files: TrackedFile[]; trackedDocuments: number }>(
      "GET",
      `/runs/${encodeURIComponent(id)}`,
    );
    result(found, (run) => {
      const parts = [describe(run), listFiles(run.files, run.fileCount)];
      if (run.trackedDocuments > 0) {
        parts.push(`Fields of ${run.trackedDocuments} documents: sallyportctl runs documents ${run.id}`);
      }
      return parts.join("\n\n");
    });
    return EXIT.ok;
  },
};

function describe(run: Run): string {
  const { documents, error } = run;
  return facts([
    ["run", run.id],
    ["process", `${printable(run.process)} ${printable(run.version)}`],
    ["agent", `${printable(run.agentName)} (${run.agent})`],
    ["outcome", state(run.outcome)],
    ["started", `${time(run.startedAt)} by ${run.trigger}`],
    ["took", duration(run.startedAt, run.endedAt)],
    [
      "documents",
      `${documents.in} in, ${documents.out} out, ${documents.filtered} filtered, ${documents.failed} failed`,
    ],
    ["bytes", `${bytes(run.bytesIn)} in, ${bytes(run.bytesOut)} out`],
    ...(error ? [["error", printable(`${error.code}: ${error.message}`)] as const] : []),
  ]);
}

function listFiles(files: readonly TrackedFile[], fileCount: number): string {
  if (files.length === 0) {
    return fileCount === 0 ? "No files." : `${fileCount} files, which the agent did not name.`;
  }
  const right = "right" as const;
  return table(
    [
      { title: "ROLE" },
      { title: "FILE" },
      { title: "SIZE", align: right },
      { title: "DOCUMENTS", align: right },
      { title: "FAILED", align: right },
    ],
    files.map(({ role, directory, name, bytes: size, documents, failed }) => [
      role,
      printable(`${directory}/${name}`),
      bytes(size),
      String(documents),
      String(failed),
    ]),
  );
}
