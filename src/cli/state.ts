import { exists } from "../base/files.ts";
import type { Database } from "../base/sqlite.ts";
import { DATABASE_PATH, openState } from "../agent/home.ts";

/** Works with the state database of this home; undefined where no agent has run yet. */
export async function withState<T>(work: (db: Database) => T | Promise<T>): Promise<T | undefined> {
  if (!await exists(DATABASE_PATH)) return undefined;
  using db = openState();
  return await work(db);
}
