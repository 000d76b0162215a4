import { assertEquals } from "@std/assert";
import type { Database } from "../../src/base/sqlite.ts";
import { command, openDatabase, query, transaction } from "../../src/base/sqlite.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import { createMarks } from "../../src/engine/marks.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { verification } from "../../src/ledger/verify.ts";
import { Spool } from "../../src/spool/spool.ts";
import { CA, SIGNERS, TestLedger } from "../ledger/support.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryFolder } from "../support/home.ts";
import { RUN_STARTED } from "../support/records.ts";

export const RECORDS = 300;
const RUNS = 40;
export const PAGE = 4096;
export const KNOWN = { certificates: [CA] };

/** A state database of a real agent's tables, closed; and what there is to know of it. */
export function damageable() {
  const folder = temporaryFolder();
  const path = `${folder.path}/sallyport.db`;
  const clock = new TestClock();
  const db = openDatabase(path);
  const spool = new Spool(db, clock);
  const deployments = createDeployments(db);
  transaction(db, () => {
    deployments.offer({ hash: "00", files: [{ name: "copy", body: "process: copy\n" }] });
    const marks = createMarks(db);
    const addRun = command(
      db,
      "INSERT INTO engine_runs VALUES (?, 'engine', 'copy', 'finished', 'succeeded', ?, '{}', '[]', NULL, '{}', 1)",
    );
    for (let n = 0; n < RUNS; n++) {
      addRun(`run-${String(n).padStart(4, "0")}`, n);
      marks.set("copy", `in/${n}.csv`, "x".repeat(200));
    }
    for (let n = 1; n <= RECORDS; n++) spool.put("tracking", { ...RUN_STARTED, version: String(n) });
    writeLedger(new TestLedger(db));
    spool.settle("tracking", 100);
  });
  const stream = spool.stream("tracking");
  const ledger = [...new LedgerReader(db).entries()];
  assertEquals(verification(new LedgerReader(db), KNOWN).fault, undefined);
  return { path, clock, db, stream, ledger, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** Payloads, heartbeats, receipts, checkpoints, and a renewal of the key. */
function writeLedger(t: TestLedger): void {
  const keeper = t.keeper();
  for (let n = 1; n <= 60; n++) {
    const number = t.send(`${n} ${"x".repeat(900)}`, n % 3 === 0 ? "status" : "tracking");
    if (n % 5 !== 0) t.ledger.acknowledge(number);
    if (n % 10 === 0) t.beat(3);
    if (n % 16 === 0) keeper.stop();
    if (n === 30) {
      keeper.introduce(SIGNERS[1].certificate);
      t.signer = SIGNERS[1];
    }
  }
}

export type Damageable = ReturnType<typeof damageable>;

/** Writes over a page; its number counts from 0. */
export function overwrite(path: string, page: number, fill: (bytes: Uint8Array<ArrayBuffer>) => void): void {
  using file = Deno.openSync(path, { write: true });
  const bytes = new Uint8Array(PAGE);
  fill(bytes);
  file.seekSync(page * PAGE, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

/** The pages of a table that hold its rows, in the order of the rows. */
export function leavesOf(db: Database, table: string): number[] {
  const sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path";
  return query<{ pageno: number }>(db, sql)(table).map(({ pageno }) => pageno - 1);
}

/** Writes nonsense over a page in the middle of a table. */
export function tearLeaf(path: string, table: string): void {
  let leaves: number[];
  {
    using db = openDatabase(path);
    db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    leaves = leavesOf(db, table);
  }
  overwrite(path, leaves[leaves.length >> 1]!, (bytes) => crypto.getRandomValues(bytes));
}
