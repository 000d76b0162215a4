import { changesOf } from "./file_changes.ts";
import type { ChangesOptions } from "./file_changes.ts";
import type { Database } from "./sqlite.ts";
import { queryOne } from "./sqlite.ts";

/**
 * A commit is told of when it is written, and counts only when it is on the disk, which takes as long as the disk does:
 * so who sees no change yet looks again, after waits that double up to this.
 */
const LONGEST_WAIT_MS = 256;

/**
 * Calls `onChange` after another connection, in this process or another, has committed to `db`, until `signal`
 * aborts. Every commit is written to the write-ahead log, which stands for as long as anybody has the database open.
 */
export async function watchDatabase(
  db: Database,
  path: string,
  onChange: () => void,
  options: Pick<ChangesOptions, "clock" | "signal">,
): Promise<void> {
  const { clock, signal } = options;
  const dataVersion = queryOne<{ data_version: number }>(db, "PRAGMA data_version");
  const failed = Promise.withResolvers<never>();
  let seen = dataVersion()?.data_version;
  let cancelLook = () => {};
  const look = (waitMs: number) => {
    cancelLook();
    if (signal.aborted) return;
    try {
      const version = dataVersion()?.data_version;
      if (version === seen) {
        if (waitMs <= LONGEST_WAIT_MS) cancelLook = clock.after(waitMs, () => look(2 * waitMs));
        return;
      }
      seen = version;
      onChange();
    } catch (error) {
      failed.reject(error);
    }
  };
  const following = (async () => {
    for await (const occasion of changesOf(`${path}-wal`, options)) look(occasion === "event" ? 1 : Infinity);
    cancelLook();
  })();
  await Promise.race([following, failed.promise]);
}
