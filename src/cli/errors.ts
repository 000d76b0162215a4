import { bold, dim, red } from "@std/fmt/colors";
import { oneWord } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { finding, printable } from "../base/terminal.ts";
import { readRunErrors } from "../engine/logs/read_errors.ts";
import type { ErrorRecord, FailedDocument, RunErrorRecord } from "../protocol/payloads/errors.ts";
import type { Command } from "./command.ts";
import { LineOutput, outcomeText, showJson, withRuns } from "./run_records.ts";

/** `sallyport errors RUN` */
export const errors: Command = {
  name: "errors",
  usage: "RUN",
  summary: "Tell what went wrong in a run, and what to do about it",
  about:
    `Shows the error that ended the run, each input that failed as a whole with its causes, and each document that
failed with its place, up to a bound. What stood in a document is in the dead letter, and not here.
docs/errors.md has every code. With --json there is one record a line.`,
  options: [],
  examples: [
    "sallyport errors 01890a5d-ac96-774b-bcce-b302099a8057",
    "sallyport errors 01890a5d-ac96-774b-bcce-b302099a8057 --json | jq 'select(.kind == \"document\")'",
  ],
  async run({ words, json, clock, signal }) {
    const runId = oneWord(errors, words);
    const show = json ? showJson : showText;
    await withRuns(clock, (source) => show(readRunErrors({ runId }, source, signal)));
    return EXIT.ok;
  },
};

async function showText(records: AsyncIterable<ErrorRecord>): Promise<void> {
  const output = new LineOutput();
  const documents: FailedDocument[] = [];
  const notes: string[] = [];
  let anything = false;
  for await (const record of records) {
    if (record.kind === "run") await output.line(headText(record));
    else anything = true;
    if (record.kind === "error") await output.line(`\n${errorText(record)}`);
    if (record.kind === "document") documents.push(record); // a table is as wide as its widest cell; they are bounded
    if (record.kind === "more") notes.push(`${record.documents} more in ${record.step}: ${record.code}`);
    if (record.kind === "missing") {
      notes.push(`${record.documents} failed documents of which nothing else is known: see the dead letter`);
    }
  }
  if (documents.length > 0) await output.line(`\n${documentsText(documents)}`);
  for (const note of notes) await output.line(printable(note));
  if (!anything) await output.line("Nothing went wrong.");
  await output.end();
}

function headText({ runId, process, startedAt, outcome, documents }: ErrorRecord & { kind: "run" }): string {
  const counts = documents ? `: ${documents.failed} of ${documents.in} documents failed` : "";
  return `${process} ${outcomeText(outcome)}${counts} ${dim(`since ${startedAt}, run ${runId}`)}`;
}

function errorText({ code, step, file, message, causes, retryable, remedy }: RunErrorRecord): string {
  const where = [step, file && `${file.directory}/${file.name}`].filter((part) => part !== undefined);
  const title = [red(code), ...where.map(printable)].join("  ");
  const under = causes.map((cause) =>
    `because of ${cause.name}${cause.code ? ` (${cause.code})` : ""}${
      cause.message ? `: ${cause.message}` : ""
    }`
  );
  const again = retryable ? "The next run tries it again." : "Another try alone will not help.";
  return finding(title, [message, ...under, again].join("\n"), remedy);
}

function documentsText(documents: readonly FailedDocument[]): string {
  const titles = ["File", "Row", "Line", "Step", "Code", "Message"];
  const remedies = new Map(documents.map(({ code, remedy }) => [code, remedy]));
  return [
    table(
      titles.map((title, i) => ({ title, align: i === 1 || i === 2 ? "right" : "left" })),
      documents.map(({ file, row, line, step, code, message }) =>
        [`${file.directory}/${file.name}`, String(row), String(line), step, code, message].map(printable)
      ),
    ),
    ...[...remedies].map(([code, remedy]) => `${bold(code)}: ${printable(remedy)}`),
  ].join("\n");
}
