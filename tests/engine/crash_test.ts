import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { query } from "../../src/base/sqlite.ts";
import { offerDataGrant } from "../../src/engine/data_grant.ts";
import { performJournal } from "../../src/engine/journal.ts";
import type { JournalEntry } from "../../src/engine/journal.ts";
import { RunLogs } from "../../src/engine/logs/store.ts";
import { fileIdentity } from "../../src/engine/paths.ts";
import { connectorContext, runProcess } from "../../src/engine/runner.ts";
import { EngineRedaction } from "../../src/engine/redaction.ts";
import { createRuns } from "../../src/engine/runs.ts";
import { recoverRuns } from "../../src/engine/recovery.ts";
import { migrateEngine } from "../../src/engine/tables.ts";
import type { Documents } from "../../src/protocol/payloads/data.ts";
import { define, ORDERS, TestHome, until } from "./support.ts";

const CHILD = fromFileUrl(new URL("crash_child.ts", import.meta.url));
const KILLS = 12;
const FILES_A_KILL = 4;
const ROWS = 500;

Deno.test("crash: killed at random moments, every document comes out exactly once", async () => {
  await using home = new TestHome();
  offerDataGrant(home.db, { until: "2999-12-31T23:59:59Z", processes: ["*"] });
  const definition = `${ORDERS}track: { until: 2999-12-31, documents: 10000, fields: { order: id } }\n`;
  const random = lcg(20260101);
  let next = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    for (let file = 0; file < FILES_A_KILL; file++) {
      const rows = Array.from({ length: ROWS }, () => `${next++},1`);
      rows[7] += ",broken";
      await home.write(`in/${kill}-${file}.csv`, `id,total\n${rows.join("\n")}\n`);
    }
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-all", CHILD, home.path, definition],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read(); // it is ready
    if (kill < KILLS) await new Promise((resolve) => setTimeout(resolve, random() * 40));
    else await until(() => home.list("in").length === 0 && homeAtRest(home));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  }
  const out = home.documents("out").map(({ id }) => Number(id));
  const failed = home.documents("failed").map(({ original }) => Number(String(original).split(",")[0]));
  const all = [...out, ...failed].sort((a, b) => a - b);
  assertEquals(all, Array.from({ length: next }, (_, i) => i));
  for (const folder of ["in", "out", "failed", "done"]) {
    assertEquals(home.list(folder).filter((name) => name.startsWith(".")), []);
  }
  assertEquals(home.list("done").length, (KILLS + 1) * FILES_A_KILL);

  const records = query<{ record: string }>(home.db, "SELECT record FROM test_outbox")()
    .map(({ record }) => JSON.parse(record));

  // What is told of documents is told of each once: with the decision of its run, or not at all.
  const told: Documents[] = records.filter(({ kind }) => kind === "documents");
  const ids = told.flatMap(({ documents }) => documents.map(({ fields }) => Number(fields.order)));
  assertEquals([new Set(ids).size, new Set([...ids, ...out]).size], [ids.length, out.length]);
  const beyond = new Map(told.map((record) => [record.runId, record.beyond])).values();
  assertEquals(ids.length + beyond.reduce((sum, count) => sum + count, 0), out.length);

  // Each run has its two records, once; what finished runs say adds up to what stands there.
  const finished = records.filter(({ kind }) => kind === "run-finished");
  assertEquals(new Set(finished.map(({ runId }) => runId)).size, finished.length);
  const counted = finished.filter(({ outcome }) => outcome !== "interrupted");
  assertEquals(counted.reduce((sum, { documents }) => sum + documents.out, 0), out.length);
  assertEquals(counted.reduce((sum, { documents }) => sum + documents.failed, 0), failed.length);
});

/** Nothing is being committed. */
function homeAtRest(home: TestHome): boolean {
  return query(home.db, "SELECT id FROM engine_runs WHERE state = 'committing'")().length === 0;
}

/** Random numbers in [0, 1) that are the same in every run. */
function lcg(seed: number): () => number {
  return () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

Deno.test("crash: a journal that ended after any of its steps is performed to the same end", async () => {
  const steps = 4; // publish, dead letter, move, delete
  for (let done = 0; done <= steps; done++) {
    for (const twice of [false, true]) {
      await using home = new TestHome();
      for (const folder of ["out", "failed", "done"]) await Deno.mkdir(home.data(folder));
      await home.write("out/.r.sink-0.part", "1");
      await home.write("failed/.r.dead-0.part", "2");
      await home.write("in/a.csv", "3");
      await home.write("in/b.csv", "4");
      const identity = async (name: string) => (await fileIdentity(home.data(`in/${name}`)))!;
      const journal: JournalEntry[] = [
        { do: "publish", from: "out/.r.sink-0.part", to: "out/a.ndjson" },
        { do: "publish", from: "failed/.r.dead-0.part", to: "failed/a.csv.ndjson" },
        {
          do: "move",
          from: "in/a.csv",
          to: "done/a.csv",
          identity: await identity("a.csv"),
          temporary: "done/.t",
        },
        { do: "delete", path: "in/b.csv", identity: await identity("b.csv") },
      ];
      await performJournal(journal.slice(0, done), home.dataFolder, silentLog);
      // Between the link and the removal both names are there.
      if (twice && done === 1) await Deno.link(home.data("out/a.ndjson"), home.data("out/.r.sink-0.part"));
      if (twice && done === 3) await Deno.link(home.data("done/a.csv"), home.data("in/a.csv"));
      await performJournal(journal, home.dataFolder, silentLog);
      assertEquals([home.list("in"), home.list("done")], [[], ["a.csv"]]);
      assertEquals([home.list("out"), home.list("failed")], [["a.ndjson"], ["a.csv.ndjson"]]);
    }
  }
});

Deno.test("crash: an input that was replaced before its run was completed stays for the next one", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "old");
  const identity = (await fileIdentity(home.data("in/a.csv")))!;
  await Deno.remove(home.data("in/a.csv"));
  await home.write("in/a.csv", "newer");
  await performJournal([{ do: "delete", path: "in/a.csv", identity }], home.dataFolder, silentLog);
  assertEquals(await home.read("in/a.csv"), "newer");
});

Deno.test("crash: a decided run whose outputs cannot be put in place waits, and is completed later", async () => {
  await using home = new TestHome();
  migrateEngine(home.db);
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("done", "a file where a folder should be");
  const redaction = new EngineRedaction(home.db);
  const runs = createRuns(home.db, "engine", { clock: systemClock, outbox: home.outbox, redaction });
  const { db, databasePath, dataFolder } = home;
  const common = { clock: systemClock, log: silentLog };
  const logs = new RunLogs({ db, databasePath, redaction, ...common });
  const context = { runs, logs, dataFolder, ...common };
  const process = define(ORDERS);
  const inputs = await process.source.inputs(connectorContext(process, context));
  const signal = new AbortController().signal;
  const error = await runProcess(process, "manual", inputs, { ...context, signal }).catch((error) => error);
  assertEquals(error.code, "sink.unwritable");
  assertEquals(home.records.map(({ kind }) => kind), ["run-started"]);
  await Deno.remove(home.data("done"));
  await recoverRuns(context);
  assertEquals([home.list("in"), home.list("done"), home.list("out")], [[], ["a.csv"], ["a.ndjson"]]);
  const [, finished] = home.records;
  assert(finished?.kind === "run-finished" && finished.outcome === "succeeded");
});
