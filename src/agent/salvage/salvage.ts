import { basename } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { asSallyportError, isDiskFull, messageOf, SallyportError } from "../../base/errors.ts";
import type { Database } from "../../base/sqlite.ts";
import { openDatabase } from "../../base/sqlite.ts";
import { repairEngine } from "../../engine/repair.ts";
import { createRequestStore } from "../../engine/requests/store.ts";
import { migrateEngine } from "../../engine/tables.ts";
import { repairLedger } from "../../ledger/repair.ts";
import { migrateLedger } from "../../ledger/tables.ts";
import { repairSpool } from "../../spool/repair.ts";
import { Spool } from "../../spool/spool.ts";
import type { AgentContext } from "../home.ts";
import type { Copied } from "./copy.ts";
import { copyReadable } from "./copy.ts";
import { freeAside, pathOfNew, removeNew, removeOldest, swap } from "./files.ts";
import { openDamaged } from "./read_rows.ts";
import { noteSalvage } from "./record.ts";
import type { Damage } from "./soundness.ts";
import type { Lost } from "./words.ts";
import { lostText } from "./words.ts";

/** Of a database of which nothing can be read. */
const NOTHING: Copied = { tables: [], isComplete: false };

/**
 * Saves what can be read of a damaged state database into a new one, sets the old one aside, and says so: in the log,
 * in the record that health, doctor and status show, and to the platform by a gap record; the next checkpoint of
 * the ledger states what that lost. Nobody else may have the database open. Killed at any moment, it is begun again or
 * brought to its end by the next start.
 *
 * @throws {SallyportError} `disk.full` when there is no room for the new one; the old one is then where it was.
 */
export async function salvage(path: string, damage: Damage, { clock, log }: AgentContext): Promise<void> {
  log.warn("the state database is damaged; what can be read of it is saved", { reason: damage.reason });
  const aside = await freeAside(path, clock);
  const save = async (copy: (to: Database) => Copied): Promise<{ lost: string; rows: number }> => {
    await removeNew(path);
    const to = openDatabase(pathOfNew(path));
    try {
      to.exec("PRAGMA foreign_keys = OFF"); // a row may have lost the one that it belongs to
      // All of it is one transaction, which would need its room twice in a write-ahead log.
      to.prepare("PRAGMA journal_mode = DELETE").get();
      const copied = copy(to);
      const lost = lostText(settle(to, copied, damage, clock));
      noteSalvage(to, { file: basename(aside), at: clock.now(), reason: damage.reason, lost });
      to.prepare("PRAGMA journal_mode = WAL").get();
      return { lost, rows: copied.tables.reduce((sum, { rows }) => sum + rows, 0) };
    } finally {
      to.close();
    }
  };
  const { lost, rows } = await save((to) => copyFrom(path, to, clock)).catch(async (error) => {
    if (asSallyportError(error).code === "disk.full" || !await isRoomFor(path)) throw noRoom(path, error);
    // Whatever a damaged database may still do to us, the agent must be able to go on.
    log.error("nothing of the state database could be saved", { reason: messageOf(error) });
    return save(() => NOTHING);
  });
  await swap(path, aside);
  const removed = await removeOldest(path, aside);
  log.error("the state database was set aside; the agent goes on with what could be read of it", {
    setAside: basename(aside),
    reason: damage.reason,
    rowsSaved: rows,
    lost: lost || "nothing",
  });
  if (removed.length > 0) {
    log.warn("older databases that were set aside are removed, because there are too many", {
      removed: removed.join(", "),
    });
  }
}

/** Whether there is room for a copy of a file: not every error of SQLite tells that there is none. */
async function isRoomFor(path: string): Promise<boolean> {
  await removeNew(path);
  try {
    using probe = await Deno.open(pathOfNew(path), { write: true, createNew: true, mode: 0o600 });
    const chunk = crypto.getRandomValues(new Uint8Array(65_536));
    for (let left = (await Deno.stat(path)).size; left > 0; left -= chunk.length) await probe.write(chunk);
    await probe.sync();
    return true;
  } catch (error) {
    if (isDiskFull(error)) return false;
    throw error;
  } finally {
    await removeNew(path);
  }
}

function noRoom(path: string, cause: unknown): SallyportError {
  return new SallyportError(
    "disk.full",
    `the state database is damaged, and there is no room to save what can be read of it: ${messageOf(cause)}`,
    {
      cause,
      retryable: true,
      remedy: `Free as much room as ${path} takes on its file system; the agent goes on by itself.`,
    },
  );
}

function copyFrom(path: string, to: Database, clock: Clock): Copied {
  const from = openDamaged(path);
  try {
    return copyReadable(from, to, (db) => makeTables(db, clock));
  } finally {
    from.close();
  }
}

/** The tables that may have been there; those that none of the halves can do without. */
function makeTables(db: Database, clock: Clock): void {
  new Spool(db, clock);
  migrateLedger(db);
  migrateEngine(db);
  createRequestStore(db);
}

/** Puts what was saved in order, and says what was not. */
function settle(
  db: Database,
  { tables, isComplete }: Copied,
  { isLogDamaged }: Damage,
  clock: Clock,
): Lost {
  const broken = tables.filter(({ isWhole }) => !isWhole).map(({ name }) => name);
  const isWhole = (table: string) => isComplete && !broken.includes(table);
  const areWhole = (room: string) => isComplete && !broken.some((name) => name.startsWith(room));
  return {
    channels: repairSpool(db, clock, {
      isWhole: areWhole("spool") && !isLogDamaged,
      areChannelsWhole: isWhole("spool_channels") && !isLogDamaged,
    }),
    ledger: repairLedger(db, clock, { isWhole, isEndLost: isLogDamaged }),
    engineRows: repairEngine(db, areWhole("engine")),
    tables: broken,
    isSchemaLost: !isComplete,
  };
}
