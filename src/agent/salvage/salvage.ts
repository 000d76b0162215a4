import { create } from "@bufbuild/protobuf";
import { basename } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { unreadablePath } from "../../base/files.ts";
import type { Database } from "../../base/sqlite.ts";
import { openDatabase } from "../../base/sqlite.ts";
import { repairEngine } from "../../engine/repair.ts";
import { migrateEngine } from "../../engine/tables.ts";
import { beginAnew } from "../../ledger/anew.ts";
import { Ledger } from "../../ledger/ledger.ts";
import { LedgerReader } from "../../ledger/reader.ts";
import { migrateLedger } from "../../ledger/tables.ts";
import { verification } from "../../ledger/verify.ts";
import { encodeFrame } from "../../protocol/codec.ts";
import { AgentToServerSchema } from "../../protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { LostOfChannel } from "../../spool/repair.ts";
import { repairSpool } from "../../spool/repair.ts";
import { Spool } from "../../spool/spool.ts";
import type { AgentContext } from "../home.ts";
import type { Copied } from "./copy.ts";
import { copyReadable } from "./copy.ts";
import { pathOfNew, removeNew, swap } from "./files.ts";
import { openDamaged } from "./read_rows.ts";
import type { Damage } from "./soundness.ts";

/** What became of a damaged state database. */
interface Account {
  /** The name of the old database, beside the new one. */
  setAside: string;
  /** Why it was taken for damaged. */
  reason: string;
  /** Rows that were saved, by table. */
  saved: Record<string, number>;
  /** Tables that were not saved as a whole; {@linkcode OTHERS}. */
  incomplete: string[];
  /**
   * The ledger up to its first fault, if it has one: then it stays in the old database, and a new one begins with this
   * account.
   */
  ledger: { entries: number; hash: string; fault: string | null };
  /** Tracking records and others that are known to be lost, by channel. */
  recordsLost: LostOfChannel[];
  /** Rows of the engine that were there and could not be understood. */
  engineRowsDropped: number;
}

/** Stands for tables whose names cannot be read. */
const OTHERS = "others";

/** The custom message as which the account stands in the ledger. It is never sent. */
const CAPABILITY = "io.sallyport.recovery/1";

/**
 * Saves what can be read of a damaged state database into a new one, sets the old one aside, and says so: in the log,
 * in the ledger, whose next entry names the old file, and to the platform, by a gap record. Nobody else may have the
 * database open. Killed at any moment, it is begun again or brought to its end by the next start.
 */
export async function salvage(path: string, damage: Damage, { clock, log }: AgentContext): Promise<void> {
  log.warn("the state database is damaged; what can be read of it is saved", { reason: damage.reason });
  await removeNew(path);
  const aside = unreadablePath(path, clock);
  const to = openDatabase(pathOfNew(path));
  let account: Account;
  try {
    const from = openDamaged(path);
    try {
      const copied = copyReadable(from, to, (db) => makeTables(db, clock));
      account = settle(to, copied, damage, basename(aside), clock);
    } finally {
      from.close();
    }
    to.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    to.close();
  }
  await swap(path, aside);
  const { saved, incomplete, recordsLost, ledger, ...facts } = account;
  log.error("the state database was set aside; the agent goes on with what could be read of it", {
    ...facts,
    rowsSaved: Object.values(saved).reduce((sum, rows) => sum + rows, 0),
    incomplete: incomplete.join(", "),
    ledgerFault: ledger.fault,
    recordsLost: recordsLost.map(({ channel, records }) => `${channel}: ${records || "unknown"}`).join(", "),
  });
}

/** The tables without which the agent's own account of itself would be lost; others are made when they are needed. */
function makeTables(db: Database, clock: Clock): void {
  new Spool(db, clock);
  migrateLedger(db);
  migrateEngine(db);
}

/** Puts what was saved in order, and writes down what was not. */
function settle(
  db: Database,
  { tables, isComplete }: Copied,
  { reason, isLogDamaged }: Damage,
  setAside: string,
  clock: Clock,
): Account {
  const incomplete = [
    ...tables.filter(({ isWhole }) => !isWhole).map(({ name }) => name),
    ...isComplete ? [] : [OTHERS],
  ];
  const isWhole = (room: string) => !incomplete.some((table) => table === OTHERS || table.startsWith(room));
  const account: Account = {
    setAside,
    reason,
    saved: Object.fromEntries(tables.map(({ name, rows }) => [name, rows])),
    incomplete,
    ledger: settleLedger(db, isWhole("ledger")),
    recordsLost: repairSpool(db, clock, isWhole("spool") && !isLogDamaged),
    engineRowsDropped: repairEngine(db, isWhole("engine")),
  };
  noteInLedger(new Ledger(db, clock), account);
  return account;
}

/** A ledger that is not whole is not gone on with: nothing behind its fault could be proved any more. */
function settleLedger(db: Database, isAllThere: boolean): Account["ledger"] {
  migrateLedger(db);
  const { entries, head: { hash }, fault } = verification(new LedgerReader(db));
  if (isAllThere && !fault) return { entries, hash, fault: null };
  beginAnew(db);
  const words = fault ? `entry ${fault.number}: ${fault.reason}` : `entry ${entries + 1}: it cannot be read`;
  return { entries, hash, fault: words };
}

/** An entry that names the old database. It has the form of a message, so that it can be shown like the others. */
function noteInLedger(ledger: Ledger, account: Account): void {
  const customMessage = jsonMessage(CAPABILITY, "account", account);
  ledger.intend({
    class: "recovery",
    records: `nothing was sent: the state database was damaged and set aside as ${account.setAside}`,
    policy: "",
    body: encodeFrame(AgentToServerSchema, create(AgentToServerSchema, { customMessage })),
  });
}
