import { isDatabaseDamage, messageOf } from "../../base/errors.ts";
import type { Database } from "../../base/sqlite.ts";
import { openDatabase, openReadOnly } from "../../base/sqlite.ts";

/** Up to here a database is read from end to end whenever it is opened: at some 1 GiB a second. */
const ALWAYS_CHECKED_BYTES = 16 * 1024 * 1024;

/** Why a database must be taken for damaged. */
export interface Damage {
  reason: string;
  /** Whether transactions are lost of which nothing in the database itself tells. */
  isLogDamaged: boolean;
}

/**
 * Opens a database, unless it must be taken for damaged. A large one is read from end to end only when it was not
 * closed properly: otherwise a damage is found when it is met.
 */
export async function openIfSound(path: string): Promise<{ db: Database } | { damage: Damage }> {
  const [bytes = 0, logBytes = 0] = [await sizeOf(path), await sizeOf(`${path}-wal`)];
  if (logBytes > 0) {
    const { checkWal } = await import("./wal.ts");
    const { valid, lostCommits } = checkWal(await Deno.readFile(`${path}-wal`));
    const reason =
      `its write-ahead log is damaged behind frame ${valid}: ${lostCommits} transactions are lost, or more`;
    if (lostCommits > 0) return { damage: { reason, isLogDamaged: true } };
  }
  try {
    const isToBeRead = bytes > 0 && (bytes <= ALWAYS_CHECKED_BYTES || logBytes > 0);
    const reason = isToBeRead ? quickCheck(path) : undefined;
    return reason === undefined ? { db: openDatabase(path) } : { damage: { reason, isLogDamaged: false } };
  } catch (error) {
    if (isDatabaseDamage(error)) return { damage: { reason: messageOf(error), isLogDamaged: false } };
    throw error;
  }
}

/** By a handle that cannot change anything: what is damaged is to be kept as it was found. */
function quickCheck(path: string): string | undefined {
  using db = openReadOnly(path);
  const { quick_check: found } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
  return found === "ok" ? undefined : found.replaceAll(/\s+/g, " ");
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
