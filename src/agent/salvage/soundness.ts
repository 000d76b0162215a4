import { isDatabaseDamage, messageOf } from "../../base/errors.ts";
import type { Database } from "../../base/sqlite.ts";
import { openDatabase, openReadOnly, queryOne } from "../../base/sqlite.ts";

/** Up to here a database is read from end to end whenever it is opened: in a tenth of a second. */
const ALWAYS_CHECKED_BYTES = 16 * 1024 * 1024;

/** Why a database must be taken for damaged. */
export interface Damage {
  reason: string;
  /** Whether transactions are lost of which nothing in the database itself tells. */
  isLogDamaged: boolean;
}

/**
 * Opens a database, unless it must be taken for damaged. A large one is read from end to end only when it was not
 * closed properly, or when damage was met (`isSuspect`), and then its indexes are compared with their tables as well.
 */
export async function openIfSound(
  path: string,
  isSuspect = false,
): Promise<{ db: Database } | { damage: Damage }> {
  const [bytes = 0, logBytes = 0] = [await sizeOf(path), await sizeOf(`${path}-wal`)];
  if (logBytes > 0) {
    const { checkWal } = await import("./wal.ts");
    const { valid, lostCommits } = checkWal(await Deno.readFile(`${path}-wal`));
    const reason =
      `its write-ahead log is damaged behind frame ${valid}: ${lostCommits} transactions are lost, or more`;
    if (lostCommits > 0) return { damage: { reason, isLogDamaged: true } };
  }
  try {
    const isToBeRead = bytes > 0 && (isSuspect || bytes <= ALWAYS_CHECKED_BYTES || logBytes > 0);
    const reason = isToBeRead ? check(path, isSuspect ? "integrity_check" : "quick_check") : undefined;
    return reason === undefined ? { db: openDatabase(path) } : { damage: { reason, isLogDamaged: false } };
  } catch (error) {
    if (isDatabaseDamage(error)) return { damage: { reason: messageOf(error), isLogDamaged: false } };
    throw error;
  }
}

/** By a handle that cannot change anything: what is damaged is to be kept as it was found. */
function check(path: string, pragma: "integrity_check" | "quick_check"): string | undefined {
  using db = openReadOnly(path);
  const [found] = Object.values(queryOne<Record<string, string>>(db, `PRAGMA ${pragma}(1)`)()!);
  return found === "ok" ? undefined : found!.replaceAll(/\s+/g, " ");
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
