import { dirname } from "@std/path";
import { sleep } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { removeTemporaries } from "./paths.ts";
import { completeRun, logOf } from "./runner.ts";
import type { RunContext } from "./runner.ts";
import type { RunOwner } from "./runs.ts";

/**
 * Brings the runs of an owner that is not alive to their end: what was decided is completed, what was not is
 * `interrupted`. Hold the owner's lock ({@linkcode lockOwner}) while it works. A run that cannot be completed now
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

/**
 * Takes the lock that only a living owner of runs holds, beside the database; undefined when it is held. Its holder
 * has it until it is disposed of, or ends in whatever way.
 */
export async function tryLockOwner(databasePath: string, owner: RunOwner): Promise<Disposable | undefined> {
  const path = `${dirname(databasePath)}/${owner}.lock`;
  const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
  if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
  file.close();
  return undefined;
}

const LOCK_RETRY_MS = 100;

/**
 * As {@linkcode tryLockOwner}, waiting for a while for one who is just ending.
 *
 * @throws {SallyportError} `home.locked`.
 */
export async function lockOwner(
  databasePath: string,
  owner: RunOwner,
  waitMs: number,
  clock: Clock,
): Promise<Disposable> {
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    const lock = await tryLockOwner(databasePath, owner);
    if (lock) return lock;
    if (clock.monotonic() >= deadline) break;
    await sleep(clock, LOCK_RETRY_MS);
  }
  const who = owner === "engine" ? "another engine" : "another `sallyport process run`";
  throw new SallyportError("home.locked", `${who} is at work in this home`, {
    retryable: true,
    remedy: "Wait until it has ended.",
  });
}
