import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { basename, dirname } from "@std/path";
import { finishSwap, setAsideDatabases } from "../../src/agent/salvage/files.ts";
import { describeSetAside } from "../../src/agent/salvage/record.ts";
import { salvage } from "../../src/agent/salvage/salvage.ts";
import { openIfSound } from "../../src/agent/salvage/soundness.ts";
import type { LogFacts } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { openDatabase, query } from "../../src/base/sqlite.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import { recentRuns } from "../../src/engine/runs.ts";
import type { StoredEntry } from "../../src/ledger/reader.ts";
import { LEDGER_TABLES } from "../../src/ledger/tables.ts";
import { Spool } from "../../src/spool/spool.ts";
import { SIGNERS, TestLedger } from "../ledger/support.ts";
import { RUN_STARTED } from "../support/records.ts";
import type { Damageable } from "./damaged_database.ts";
import { damageable, KNOWN, leavesOf, overwrite, PAGE, RECORDS, tearLeaf } from "./damaged_database.ts";

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
function checkGoesOn(t: Damageable, db: Database, facts: LogFacts): { saved: number } {
  const { clock, stream } = t;
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
    assertStringIncludes(
      String(facts.lost),
      `${gaps[0]!.records || "an unknown number of"} tracking records`,
    );
  }

  checkLedgerGoesOn(t, db);
  const [aside] = describeSetAside(db, [String(facts.setAside)]);
  assertEquals([aside!.reason, aside!.lost || "nothing"], [facts.reason, facts.lost]);
  createDeployments(db).offer({ hash: "01", files: [] });
  recentRuns(db);
  return { saved: saved.length };
}

/** What is there of the ledger is what was there, the rest is stated under the agent's key, and it goes on. */
function checkLedgerGoesOn({ ledger }: Damageable, db: Database): void {
  const t = new TestLedger(db);
  t.signer = SIGNERS[1];
  const keeper = t.keeper();
  const next = t.send("next");
  t.ledger.acknowledge(next);
  keeper.stop();
  const { fault, lost, checkpoints } = t.verify(KNOWN);
  assertEquals([fault, checkpoints.trustedThrough], [undefined, next + 1]);
  const saved = [...t.reader.entries()].filter(({ number }) => number < next);
  const bodies = (entries: readonly StoredEntry[]) => entries.filter(({ body }) => body).length;
  for (const entry of saved) {
    const before = ledger[entry.number - 1];
    if (before) assertEquals([entry.hash, entry.body ?? before.body], [before.hash, before.body]);
  }
  const written = saved.filter(({ number }) => number <= ledger.length);
  if (written.length === ledger.length) {
    assertEquals(lost?.entries.filter(({ known }) => known > 0) ?? [], []);
  } else {
    assert(next > Date.UTC(2026, 0, 1), "a number was given for the second time");
    assert(lost!.entries.length > 0);
    for (const { number } of ledger) {
      const isThere = written.some((entry) => entry.number === number);
      const isStated = lost!.entries.some(({ after, next }) => after < number && number < next);
      assertEquals(isStated, !isThere, `entry ${number}`);
    }
  }
  assertEquals(lost?.bodies ?? 0, written.length - bodies(written));
}

async function assertSound(path: string): Promise<void> {
  const opened = await openIfSound(path);
  if (!("db" in opened)) throw new Error(opened.damage.reason);
  opened.db.close();
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

Deno.test("of a page of the ledger that is torn in its middle, no row counts that is not what was written", async () => {
  let found = 0;
  for (const table of LEDGER_TABLES) {
    for (let n = 0, count = 1; n < count; n++) {
      using t = damageable();
      const leaves = leavesOf(t.db, table);
      t.db.close();
      count = leaves.length;
      const half = Deno.readFileSync(t.path).slice(leaves[n]! * PAGE, leaves[n]! * PAGE + PAGE / 2);
      // The first half tells where rows are; in the other they stood.
      overwrite(t.path, leaves[n]!, (bytes) => {
        crypto.getRandomValues(bytes);
        bytes.set(half);
      });
      const recovered = await recover(t);
      if (!recovered) continue; // SQLite sees nothing wrong: a verifier does
      found++;
      using db = recovered.db;
      checkLedgerGoesOn(t, db);
    }
  }
  assert(found >= LEDGER_TABLES.length, `only ${found} found`);
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
  assertStringIncludes(String(recovered!.facts.lost), "tables whose names cannot be read");
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
  openDatabase(`${t.path}.new`).close(); // whole, and not said to be
  await finishSwap(t.path);
  assertEquals([...Deno.readDirSync(dirname(t.path))].map(({ name }) => name), ["sallyport.db"]);

  // Between the old one's way out and the new one's way in, with a log that belongs to the old one.
  const recovered = await recover(t);
  recovered!.db.close();
  const [aside] = await setAsideDatabases(t.path);
  for (const isLogMoved of [false, true]) {
    await Deno.rename(t.path, `${t.path}.new`);
    await Deno.link(aside!, t.path);
    if (!isLogMoved) Deno.writeTextFileSync(`${t.path}-wal`, "of the old one");
    await finishSwap(t.path);
    assertEquals(Deno.readFileSync(aside!), damaged);
    assertEquals(Deno.readTextFileSync(`${aside}-wal`), "of the old one");
    await assertSound(t.path);
  }
  assertEquals(
    [...Deno.readDirSync(dirname(t.path))].map(({ name }) => name).sort(),
    ["sallyport.db", basename(aside!), `${basename(aside!)}-wal`].sort(),
  );
});

Deno.test("of databases that were set aside three are kept, and the names never clash", async () => {
  using t = damageable();
  t.db.close();
  const asides: string[] = [];
  for (let n = 0; n < 5; n++) {
    if (n === 3) t.clock.jump(-86_400_000);
    await Deno.writeTextFile(t.path, `damage ${n}`.repeat(1_000));
    const recovered = await recover(t);
    recovered!.db.close();
    asides.push(String(recovered!.facts.setAside));
  }
  assertEquals(new Set(asides).size, 5);
  const kept = await setAsideDatabases(t.path);
  assertEquals(kept.length, 3);
  assert(kept.some((path) => basename(path) === asides.at(-1)), "the newest was removed");
});

Deno.test("a ledger that is damaged again and again says all that it lost, and can be verified", async () => {
  using t = damageable();
  t.db.close();
  for (let n = 0; n < 4; n++) {
    tearLeaf(t.path, ["ledger", "ledger_receipts", "ledger_bodies", "ledger_signatures"][n]!);
    const recovered = await recover(t);
    using db = recovered!.db;
    checkLedgerGoesOn(t, db);
  }
  using db = openDatabase(t.path);
  const { lost, fault } = new TestLedger(db).verify(KNOWN);
  assertEquals(fault, undefined);
  assert(lost!.entries.length > 0 && lost!.receipts.length > 0 && lost!.bodies > 0 && lost!.signatures > 0);
});

Deno.test("what somebody changed is not taken for damage, also when the database is damaged", async () => {
  using t = damageable();
  new TestLedger(t.db).tamper("UPDATE ledger SET records = 'nothing' WHERE number = 3");
  t.db.close();
  tearLeaf(t.path, "engine_marks");
  const recovered = await recover(t);
  using db = recovered!.db;
  const { fault } = new TestLedger(db).verify(KNOWN);
  assertEquals([fault?.what, fault?.number], ["edited", 3]);
});
