import { dirname, join } from "@std/path";

/** Where the logs of runs are: one folder beside the database, and in it up to three files a run. */

/** The folder's name, below `state/`. */
const LOGS_FOLDER = "logs";

/** The folder of a home whose state database is at `databasePath`. */
export function logsFolder(databasePath: string): string {
  return join(dirname(databasePath), LOGS_FOLDER);
}

/** The files of one run. */
export interface RunLogFiles {
  folder: string;
  /** What is being written, and what was written before that: one turns into the other when it is full. */
  current: string;
  older: string;
  /** What went wrong, in detail. */
  errors: string;
}

export function runLogFiles(databasePath: string, runId: string): RunLogFiles {
  const folder = logsFolder(databasePath);
  return {
    folder,
    current: join(folder, `${runId}.ndjson`),
    older: join(folder, `${runId}.1.ndjson`),
    errors: join(folder, `${runId}.errors.ndjson`),
  };
}

/** The run that a name in the folder belongs to; what was set aside belongs to it still. */
export function runOfName(name: string): string | undefined {
  return /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\./.exec(name)?.[1];
}
