import { green, red, yellow } from "@std/fmt/colors";
import { oneWord } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { openDatabase } from "../base/sqlite.ts";
import { table } from "../base/table.ts";
import { progressLine } from "../base/progress_line.ts";
import { printable } from "../base/terminal.ts";
import { CONNECTORS } from "../connectors/mod.ts";
import { parseDefinition } from "../engine/definition/definition.ts";
import { runOnce } from "../engine/run_once.ts";
import type { RunProgress, RunReport } from "../engine/runner.ts";
import type { RunOutcome } from "../protocol/payloads/tracking.ts";
import type { Command } from "./command.ts";
import { readInputFile } from "./input_file.ts";

/** `sallyport process run FILE` */
export const processRun: Command = {
  name: "process run",
  usage: "FILE",
  summary: "Run a process once, here and now, without a platform",
  about:
    "Takes what waits in the source's folder below data/ through the process, exactly as the agent would:\n" +
    "whole files or nothing, failed documents into the dead letter. The run is recorded in state/, and\n" +
    "nothing is sent anywhere. The exit code is 0 when the run succeeded, also when single documents\n" +
    "failed (`partial`, see --strict), and 8 when it failed or was interrupted.",
  options: [{ name: "strict", summary: "Give exit code 8 also when single documents failed" }],
  examples: ["sallyport process run orders.yaml", "sallyport process run orders.yaml --json --strict"],
  async run(context) {
    const file = oneWord(processRun, context.words);
    const process = parseDefinition(await readInputFile(file), file, CONNECTORS);
    await Deno.mkdir("state", { recursive: true, mode: 0o700 });
    const databasePath = "state/sallyport.db";
    using db = openDatabase(databasePath);
    const { clock, log, signal } = context;
    const progress = progressLine(context);
    const started = clock.monotonic();
    const report = await runOnce(process, {
      db,
      databasePath,
      dataFolder: "data",
      clock,
      log,
      signal,
      onProgress: (at) => progress.show(() => describeProgress(at)),
    }).finally(progress.clear);
    const seconds = Math.round(clock.monotonic() - started) / 1000;
    const { head, ...result } = report;
    context.result({ ...head, ...result, seconds }, () => summary(report, seconds));
    return exitCode(report.outcome, context.flag("strict"));
  },
};

function exitCode(outcome: RunOutcome, strict: boolean): number {
  if (outcome === "succeeded") return EXIT.ok;
  return outcome === "partial" && !strict ? EXIT.ok : EXIT.failed;
}

function describeProgress({ file, documentsIn, documentsFailed }: RunProgress): string {
  return `${printable(file)}: ${documentsIn} documents, ${documentsFailed} failed`;
}

const PAINT: Record<RunOutcome, (text: string) => string> = {
  succeeded: green,
  partial: yellow,
  failed: red,
  interrupted: red,
};

function summary({ head, outcome, documents, files, error }: RunReport, seconds: number): string {
  const { in: read, out, filtered, failed } = documents;
  const lines = [
    `${head.process} ${PAINT[outcome](outcome)} in ${seconds} s: ${read} documents in, ${out} out, ` +
    `${filtered} filtered, ${failed} failed`,
  ];
  if (error) lines.push(red(error.message));
  if (files.length > 0) {
    lines.push(
      "",
      table(
        [{ title: "FILE" }, { title: "AS" }, { title: "DOCUMENTS", align: "right" }, {
          title: "FAILED",
          align: "right",
        }, { title: "BYTES", align: "right" }],
        files.map(({ role, name, directory, bytes, documents, failed }) => [
          printable(`${directory}/${name}`),
          role,
          String(documents),
          String(failed),
          String(bytes),
        ]),
      ),
    );
  }
  return lines.join("\n");
}
