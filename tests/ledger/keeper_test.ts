import { assert, assertEquals, assertMatch } from "@std/assert";
import { StateGuard } from "../../src/agent/state_guard.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { silentLog } from "../../src/base/log.ts";
import type { LedgerKeeper } from "../../src/ledger/keeper.ts";
import { Pruning } from "../../src/ledger/pruning.ts";
import { temporaryDatabase } from "../support/home.ts";
import { CA, SIGNERS, TestLedger } from "./support.ts";

const DAY_MS = 86_400_000;

/** A keeper that runs until the end of the scope, and stops in order. */
function running(keeper: LedgerKeeper): AsyncDisposable {
  const stop = new AbortController();
  const end = keeper.run(stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await end;
      keeper.stop();
    },
  };
}

const causes = (t: TestLedger) =>
  t.reader.newest(10_000).filter(({ kind }) => kind === "checkpoint").map(({ records }) => records.slice(12));
const keptPayloads = (t: TestLedger) =>
  t.reader.newest(10_000).filter(({ kind }) => kind === "payload").map(({ kept }) => kept);

Deno.test("checkpoints are made at the start, after many entries, after a day with entries, and at a clean stop", async () => {
  using t = new TestLedger();
  let told = 0;
  const keeper = t.keeper({ onCheckpoint: () => told++ });
  {
    await using _ = running(keeper);
    for (let n = 0; n < 999; n++) t.send("x");
    await t.clock.advance(60_000);
    assertEquals(causes(t), ["start"]);
    t.send("one more");
    await t.clock.advance(60_000);
    assertEquals(causes(t), ["start", "count"]);
    t.pass(2 * DAY_MS);
    await t.clock.advance(60_000); // nothing was sent, so there is nothing to sign
    assertEquals(causes(t), ["start", "count"]);
    t.beat();
    await t.clock.advance(60_000);
    assertEquals(causes(t), ["start", "count", "day"]);
    t.send("goodbye");
  }
  assertEquals(causes(t), ["start", "count", "day", "stop"]);
  assertEquals([told, keeper.last?.number], [4, 1006]);
  assertEquals(t.verify({ certificates: [CA] }).fault, undefined);
});

Deno.test("a start signs what a crash left unsigned, and nothing after a clean stop", () => {
  using t = new TestLedger();
  t.keeper();
  t.send("and then it crashed");
  const again = t.keeper();
  assertEquals(causes(t), ["start", "start"]);
  again.stop();
  assertEquals([t.keeper().last?.number, causes(t).length], [3, 2]);
});

Deno.test("bodies that are too old go, and a checkpoint has said so before", async () => {
  using t = new TestLedger();
  const keeper = t.keeper({ limits: { ageMs: 3 * DAY_MS, bytes: 1e9 } });
  await using _ = running(keeper);
  for (let day = 0; day < 6; day++) {
    t.send(`day ${day}`);
    t.beat();
    t.pass(DAY_MS);
    await t.clock.advance(60_000);
  }
  assertEquals(keptPayloads(t), [false, false, false, false, true, true]);
  const { fault, pruned } = t.verify({ certificates: [CA] });
  assertEquals([fault, pruned], [undefined, 4]);
  assertEquals(t.reader.newest(100).filter(({ kind, kept }) => kind !== "payload" && !kept), []);

  // The same, done by somebody else.
  t.db.exec(
    "DELETE FROM ledger_bodies WHERE number = (SELECT max(number) FROM ledger WHERE kind = 'payload')",
  );
  assertEquals(t.verify().fault?.what, "body");
});

Deno.test("when bodies are too many, the oldest go until a tenth of the limit is free", async () => {
  using t = new TestLedger();
  const keeper = t.keeper({ limits: { ageMs: 1e12, bytes: 10_000 } });
  await using _ = running(keeper);
  for (let n = 0; n < 10; n++) t.send("x".repeat(1_000));
  await t.clock.advance(61_000);
  assertEquals(causes(t), ["start"]);
  t.send("one byte would do");
  await t.clock.advance(61_000);
  assertEquals(causes(t), ["start", "pruning"]);
  assertEquals(keptPayloads(t), [false, false, ...Array(9).fill(true)]);
  await t.clock.advance(61_000);
  assertEquals([causes(t).length, t.verify().fault], [2, undefined]);
});

Deno.test("a clock that was ahead for a while, or is behind, prunes nothing that is young", () => {
  using t = new TestLedger();
  const pruning = new Pruning(t.db, { ageMs: 3 * DAY_MS, bytes: 1e9 });
  t.send("old");
  t.pass(365 * DAY_MS);
  t.send("from a clock that is ahead");
  t.pass(-360 * DAY_MS);
  t.send("young");
  assertEquals(pruning.target(0, t.clock.now()), 1);
  assertEquals(pruning.target(0, t.clock.now() - 300 * DAY_MS), 0);
});

Deno.test("pruning that was cut off is taken up by the next start, and the ledger is whole in between", async () => {
  using t = new TestLedger();
  const limits = { ageMs: DAY_MS, bytes: 1e9 };
  t.keeper({ limits });
  for (let n = 0; n < 250; n++) t.send("x");
  t.pass(2 * DAY_MS);
  t.keeper({ limits }); // names what is to go
  const steps = new Pruning(t.db, limits).remove(251);
  steps.next();
  assertEquals(keptPayloads(t).filter((kept) => !kept).length, 100);
  assertEquals(t.verify().fault, undefined);
  {
    await using _ = running(t.keeper({ limits }));
    await t.clock.advance(1_000);
  }
  assertEquals([keptPayloads(t).some((kept) => kept), t.verify().fault], [false, undefined]);
});

Deno.test("what pruning frees is given back to the disk", async () => {
  using home = temporaryDatabase();
  const size = () => {
    home.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return Deno.statSync(home.path).size;
  };
  const t = new TestLedger(home.db);
  home.db.exec("PRAGMA synchronous = OFF");
  for (let n = 0; n < 300; n++) t.send("x".repeat(10_000));
  const full = size();
  {
    await using _ = running(t.keeper({ limits: { ageMs: 1e12, bytes: 300_000 } }));
    await t.clock.advance(62_000);
  }
  assert(size() < full / 5, `${full} bytes became ${size()}`);
  assertEquals(t.verify().fault, undefined);
});

/** A guard that notes what it is told is wrong. */
function noting(): { guard: StateGuard; told: unknown[] } {
  const told: unknown[] = [];
  return {
    guard: new StateGuard({ ...silentLog, error: (_, facts) => void told.push(facts?.reason) }),
    told,
  };
}

Deno.test("a ledger that cannot be signed is told from time to time, and signed when it can be", async () => {
  using t = new TestLedger();
  const { guard, told } = noting();
  let broken = true;
  const signer = () => {
    if (broken) throw new Error("the key is gone");
    return SIGNERS[0];
  };
  const keeper = t.keeper({ signer, guard });
  for (let n = 0; n < 1_000; n++) t.send("x");
  await using _ = running(keeper);
  await t.clock.advance(10 * 60_000);
  assertEquals(told, ["the key is gone", "the key is gone"]); // at the start, and at the first look
  broken = false;
  await t.clock.advance(10 * 60_000);
  assertEquals([causes(t), told.length], [["count"], 2]);
});

Deno.test("a start that finds a damaged checkpoint reports it, and what is sent is still written down", () => {
  using t = new TestLedger();
  t.keeper();
  t.db.exec("UPDATE ledger_bodies SET body = x'7b'");
  const { guard, told } = noting();
  t.keeper({ guard });
  assertEquals([t.send("x"), told.length], [2, 1]);
  assertMatch(String(told[0]), /checkpoint 1 of the ledger cannot be read/);
  assertEquals([t.verify().fault?.what, t.verify().fault?.number], ["body", 1]);
});

Deno.test("a database that was made before keeps its pages for the next bodies", async () => {
  using home = temporaryDatabase();
  const path = `${home.path}.old`;
  const { DatabaseSync } = await import("node:sqlite");
  new DatabaseSync(path).exec("CREATE TABLE before (x); PRAGMA journal_mode = WAL");
  const t = new TestLedger(openDatabase(path));
  using _ = t;
  t.db.exec("PRAGMA synchronous = OFF");
  const fill = () => {
    for (let n = 0; n < 50; n++) t.send("x".repeat(10_000));
    t.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return Deno.statSync(path).size;
  };
  const before = fill();
  {
    await using _ = running(t.keeper({ limits: { ageMs: 1e12, bytes: 1_000 } }));
    await t.clock.advance(62_000);
  }
  assert(fill() < before * 1.1);
  assertEquals(t.verify().fault, undefined);
});
