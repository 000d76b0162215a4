import type { Clock } from "./clock.ts";
import { sleep } from "./clock.ts";
import type { Database } from "./sqlite.ts";
import { queryOne } from "./sqlite.ts";

/** How often the database is asked when the file system tells us nothing (network mounts, some containers). */
const POLL_MS = 1_000;
/** Events come in bursts, several for one commit: they are taken together. */
const SETTLE_MS = 2;

/**
 * Calls `onChange` after another connection, in this process or another, has committed to `db`, until `signal`
 * aborts. A file watch wakes it within milliseconds and idling costs nothing; a slow poll stands behind it.
 */
export async function watchDatabase(
  db: Database,
  path: string,
  onChange: () => void,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const dataVersion = queryOne<{ data_version: number }>(db, "PRAGMA data_version");
  let seen = dataVersion()?.data_version;
  const check = () => {
    if (signal.aborted) return;
    const version = dataVersion()?.data_version;
    if (version === seen) return;
    seen = version;
    onChange();
  };

  const watcher = tryWatch(`${path}-wal`);
  signal.addEventListener("abort", () => watcher?.close(), { once: true });
  const watching = (async () => {
    let pending = false;
    for await (const _event of watcher ?? []) {
      if (pending || signal.aborted) continue;
      pending = true;
      clock.after(SETTLE_MS, () => {
        pending = false;
        check();
      });
    }
  })();
  while (!signal.aborted) {
    await sleep(clock, POLL_MS, signal);
    check();
  }
  await watching;
}

/** Every commit is written to the write-ahead log, which stands for as long as anybody has the database open. */
function tryWatch(log: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(log, { recursive: false });
  } catch {
    return undefined; // no watches left, or a file system without them: the poll serves
  }
}
