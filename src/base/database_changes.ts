import { changesOf } from "./file_changes.ts";
import type { ChangesOptions } from "./file_changes.ts";
import type { Database } from "./sqlite.ts";
import { queryOne } from "./sqlite.ts";

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
  const dataVersion = queryOne<{ data_version: number }>(db, "PRAGMA data_version");
  let seen = dataVersion()?.data_version;
  for await (const _ of changesOf(`${path}-wal`, options)) {
    const version = dataVersion()?.data_version;
    if (version === seen) continue;
    seen = version;
    onChange();
  }
}
