import { SallyportError } from "../base/errors.ts";
import { removeTemporaries } from "./paths.ts";
import { completeRun, logOf } from "./runner.ts";
import type { RunContext } from "./runner.ts";

/**
 * Brings the runs of an owner that is not alive to their end: what was decided is completed, what was not is
 * `interrupted`. Hold the owner's lock (`lock.ts`) while it works. A run that cannot be completed now
 * stays as it is.
 */
export async function recoverRuns(
  { runs, logs, dataFolder, log }: Pick<RunContext, "runs" | "logs" | "dataFolder" | "log">,
): Promise<void> {
  for (const { head, folders } of runs.open()) {
    for (const folder of folders) await removeTemporaries(`${dataFolder}/${folder}`, head.runId);
    runs.finishAbandoned(head, {
      outcome: "interrupted",
      documents: { in: 0, out: 0, filtered: 0, failed: 0 },
      bytesIn: 0,
      bytesOut: 0,
      files: [],
    });
    const runLog = await logs.resume(head);
    logOf(head, runLog, log).warn("the run was interrupted; its inputs will be read again");
    logs.close(runLog, head, { ended: true });
  }
  for (const run of runs.committing()) {
    try {
      await completeRun(run, { runs, logs, dataFolder, log }, await logs.resume(run.head));
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      log.error(error.message, { process: run.head.process, run: run.head.runId, code: error.code });
    }
  }
}
