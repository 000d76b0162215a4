import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname } from "@std/path";
import { openIfSound } from "../../src/agent/salvage/soundness.ts";
import { salvage } from "../../src/agent/salvage/salvage.ts";
import { finishSwap, setAsideDatabases } from "../../src/agent/salvage/files.ts";
import type { LogFacts } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { command, openDatabase, query, transaction } from "../../src/base/sqlite.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import { createMarks } from "../../src/engine/marks.ts";
import { recentRuns } from "../../src/engine/runs.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { verification } from "../../src/ledger/verify.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { Spool } from "../../src/spool/spool.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryFolder } from "../support/home.ts";
import { RUN_STARTED } from "../support/records.ts";

const RECORDS = 300;
const ENTRIES = 50;
const RUNS = 40;
const PAGE = 4096;

/** A state database of a real agent's tables, closed; and what there is to know of it. */
function damageable() {
  const folder = temporaryFolder();
  const path = `${folder.path}/sallyport.db`;
  const clock = new TestClock();
  const db = openDatabase(path);
  const spool = new Spool(db, clock);
  const ledger = new Ledger(db, clock);
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
    for (let n = 0; n < ENTRIES; n++) {
      const body = new Uint8Array(900).fill(n);
      ledger.acknowledge(ledger.intend({ class: "status", records: `${n}`, policy: "", body }).number);
    }
    spool.settle("tracking", 100);
  });
  const stream = spool.stream("tracking");
  return { path, clock, db, stream, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

type Damageable = ReturnType<typeof damageable>;

/** Finds the damage and saves what it can, as a start of the agent does. */
async function recover({ path, clock }: Damageable): Promise<{ db: Database; facts: LogFacts } | undefined> {
  const opened = await openIfSound(path);
  if ("db" in opened) {
    opened.db.close();
    return undefined;
  }
  let facts: LogFacts = {};
  const log = { ...silentLog, error: (_: string, given: LogFacts = {}) => facts = given };
  await salvage(path, opened.damage, { clock, log });
  await assertSound(path);
  return { db: openDatabase(path), facts };
}

/** All is there that an agent needs to go on, what is there is what was there, and the rest is accounted for. */
function checkGoesOn({ clock, stream }: Damageable, db: Database, facts: LogFacts): { saved: number } {
  const spool = new Spool(db, clock);
  spool.put("tracking", RUN_STARTED);
  const { entries, unreadable } = spool.head("tracking", 0, { records: 10_000, bytes: 1e9 });
  assertEquals(unreadable, []);
  const saved = entries.flatMap((entry) => "payload" in entry ? [entry] : []);
  const fresh = saved.pop()!;
  assert(fresh.seq > RECORDS, "a number was given for the second time");
  for (const { seq, payload } of saved) {
    assertEquals((payload as typeof RUN_STARTED).version, String(seq));
    assert(seq > 100 && seq <= RECORDS);
  }
  const gaps = entries.flatMap((entry) => "gap" in entry ? [entry.gap] : []);
  if (saved.length < RECORDS - 100) {
    assertEquals(gaps.map(({ reason }) => reason), ["damaged"]);
    // Exact, unless the counts themselves were lost.
    if (spool.stream("tracking") === stream) assertEquals(gaps[0]!.records, RECORDS - 100 - saved.length);
    else assertEquals(gaps[0]!.records, 0);
    assertStringIncludes(String(facts.recordsLost), `tracking: ${gaps[0]!.records || "unknown"}`);
  }

  // What is left of the ledger is whole, and goes on; or it begins anew, and says where the other one broke.
  const ledger = new Ledger(db, clock);
  ledger.intend({ class: "status", records: "next", policy: "", body: new Uint8Array(3) });
  const reader = new LedgerReader(db);
  const [noted, next] = [...reader.entries()].slice(-2);
  assertEquals([noted!.class, next!.records], ["recovery", "next"]);
  assertStringIncludes(noted!.records, String(facts.setAside));
  const { entries: whole, fault } = verification(reader);
  assertEquals(fault, undefined);
  assertEquals(whole, facts.ledgerFault === null ? ENTRIES + 2 : 2);
  const message = decodeFrame(AgentToServerSchema, noted!.body!);
  const account = JSON.parse(new TextDecoder().decode(message.customMessage!.data));
  assertEquals([account.ledger.fault, account.setAside], [facts.ledgerFault, facts.setAside]);

  createDeployments(db).offer({ hash: "01", files: [] });
  recentRuns(db);
  return { saved: saved.length };
}

async function assertSound(path: string): Promise<void> {
  const opened = await openIfSound(path);
  if (!("db" in opened)) throw new Error(opened.damage.reason);
  opened.db.close();
}

function overwrite(path: string, page: number, fill: (bytes: Uint8Array<ArrayBuffer>) => void): void {
  using file = Deno.openSync(path, { write: true });
  const bytes = new Uint8Array(PAGE);
  fill(bytes);
  file.seekSync(page * PAGE, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

Deno.test("whichever page of the database is torn, the agent goes on with the rest and accounts for what is lost", async () => {
  let found = 0;
  let allSaved = 0;
  let pages = 1;
  for (let page = 0; page < pages; page++) {
    using t = damageable();
    const leaves = query<{ pageno: number }>(
      t.db,
      "SELECT pageno FROM dbstat WHERE pagetype = 'leaf' AND name <> 'sqlite_schema'",
    )();
    t.db.close();
    pages = Deno.statSync(t.path).size / PAGE;
    overwrite(t.path, page, page % 2 === 0 ? (bytes) => crypto.getRandomValues(bytes) : () => {});
    const torn = Deno.readFileSync(t.path);
    const recovered = await recover(t);
    if (!recovered) continue; // a page of nothing but content: each room has its own check of that
    found++;
    using db = recovered.db;
    const { saved } = checkGoesOn(t, db, recovered.facts);
    // Without a page that leads to it, SQLite finds none of a table; without one of its leaves, all the others.
    const isLeaf = leaves.some(({ pageno }) => pageno === page + 1);
    if (isLeaf) assert(saved > (RECORDS - 100) * 0.8, `page ${page}: only ${saved} records were saved`);
    if (saved === RECORDS - 100) allSaved++;
    const kept = Deno.readFileSync((await setAsideDatabases(t.path))[0]!);
    assert(kept.every((byte, i) => byte === torn[i]), `page ${page}: the old one was changed`);
  }
  assert(
    found > 0.8 * pages && allSaved > 0.4 * pages,
    `${found} found, ${allSaved} harmless, of ${pages} pages`,
  );
});

Deno.test("a database that was cut off keeps what its first half says", async () => {
  using t = damageable();
  t.db.close();
  await Deno.truncate(t.path, Math.floor(Deno.statSync(t.path).size / PAGE / 2) * PAGE);
  const recovered = await recover(t);
  using db = recovered!.db;
  const { saved } = checkGoesOn(t, db, recovered!.facts);
  assert(saved < RECORDS - 100);
});

Deno.test("of something else in the place of the database nothing is saved, and all of it is kept", async () => {
  using t = damageable();
  t.db.close();
  await Deno.writeTextFile(t.path, "not a database".repeat(1_000));
  const recovered = await recover(t);
  using db = recovered!.db;
  assertEquals(recovered!.facts.incomplete, "others");
  assertEquals(checkGoesOn(t, db, recovered!.facts).saved, 0);
  assertEquals(Deno.readTextFileSync((await setAsideDatabases(t.path))[0]!).slice(0, 14), "not a database");
});

Deno.test("a log that is torn in its middle is found, and what stood before it is kept", async () => {
  using t = damageable();
  t.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const spool = new Spool(t.db, t.clock);
  for (let n = 1; n <= 20; n++) spool.put("tracking", { ...RUN_STARTED, version: String(RECORDS + n) });
  // As a power cut leaves it: the log is there, and nobody closed the database.
  const [db, wal] = [Deno.readFileSync(t.path), Deno.readFileSync(`${t.path}-wal`)];
  t.db.close();
  Deno.writeFileSync(t.path, db);
  wal[Math.floor(wal.length / 2)]! ^= 0xff;
  Deno.writeFileSync(`${t.path}-wal`, wal);

  const recovered = await recover(t);
  using opened = recovered!.db;
  assertStringIncludes(String(recovered!.facts.reason), "write-ahead log is damaged");
  const again = new Spool(opened, t.clock);
  again.put("tracking", RUN_STARTED);
  const { entries } = again.head("tracking", 0, { records: 10_000, bytes: 1e9 });
  const numbers = entries.flatMap((entry) => "payload" in entry ? [entry.seq] : []);
  assert(numbers.length - 1 > RECORDS - 100 && numbers.length - 1 < RECORDS - 100 + 20);
  assert(numbers.at(-1)! > RECORDS + 20, "a number was given for the second time");
  const [gap] = entries.flatMap((entry) => "gap" in entry ? [entry.gap] : []);
  assertEquals([gap?.reason, gap?.records], ["damaged", 0]); // nobody knows how many
  assertEquals(Deno.readFileSync(`${(await setAsideDatabases(t.path))[0]}-wal`), wal);
});

Deno.test("a log that ends in the middle of a transaction is what a crash leaves, and no damage", async () => {
  using t = damageable();
  t.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const spool = new Spool(t.db, t.clock);
  for (let n = 0; n < 20; n++) spool.put("tracking", RUN_STARTED);
  const [db, wal] = [Deno.readFileSync(t.path), Deno.readFileSync(`${t.path}-wal`)];
  t.db.close();
  for (const cut of [1, 3_000, 5_000]) {
    Deno.writeFileSync(t.path, db);
    Deno.writeFileSync(`${t.path}-wal`, wal.subarray(0, wal.length - cut));
    await assertSound(t.path);
  }
});

Deno.test("killed at any moment of it, the next start begins again or brings it to its end", async () => {
  using t = damageable();
  t.db.close();
  overwrite(t.path, Deno.statSync(t.path).size / PAGE / 2, (bytes) => crypto.getRandomValues(bytes));
  const damaged = Deno.readFileSync(t.path);

  // While the new one was made: it is thrown away.
  Deno.writeTextFileSync(`${t.path}.new`, "half of it");
  await finishSwap(t.path);
  assertEquals([...Deno.readDirSync(dirname(t.path))].map(({ name }) => name), ["sallyport.db"]);

  // Between the old one's way out and the new one's way in, with a log that belongs to the old one.
  openDatabase(`${t.path}.new`).close();
  const aside = `${t.path}.unreadable-2026`;
  await Deno.rename(t.path, aside);
  Deno.writeTextFileSync(`${t.path}-wal`, "of the old one");
  await finishSwap(t.path);
  assertEquals(Deno.readFileSync(aside), damaged);
  assertEquals(Deno.readTextFileSync(`${aside}-wal`), "of the old one");
  await assertSound(t.path);
});
