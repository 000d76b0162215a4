import { NO_ANSWERS } from "../support/requests.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { createLog } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import { startEngine } from "../../src/engine/engine.ts";
import { EngineRedaction, offerRedaction } from "../../src/engine/redaction.ts";
import { recentRuns } from "../../src/engine/runs.ts";
import { migrateEngine } from "../../src/engine/tables.ts";
import type { RunFinished } from "../../src/protocol/payloads/tracking.ts";
import { ORDERS, TestHome, until } from "./support.ts";

const CARD = "4111111111111111";

const errorOf = (home: TestHome) => (home.records.at(-1) as RunFinished).error;

Deno.test("redaction: what ended a run is written down without secrets, before anything could send it", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write(`card ${CARD}`, "a file where a folder should be");
  offerRedaction(home.db, [{ name: "folder", pattern: "card" }]);
  await home.run(ORDERS.replace("path: out", `path: "card ${CARD}/CUST"`));

  const error = errorOf(home);
  assertEquals(error?.code, "sink.unwritable");
  assertStringIncludes(error!.message, "[redacted: folder] [redacted: card number]");
  assertStringIncludes(recentRuns(home.db)[0]!.error!.message, "[redacted: card number]");
});

Deno.test("redaction: a run's error names the input that it is about", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("in/b.csv", "id,total\n2,2\n");
  let batches = 0;
  await home.run(ORDERS, { onProgress: () => ++batches === 2 && Deno.removeSync(home.data("in/b.csv")) });
  const { code, file } = errorOf(home)!;
  assertEquals([code, file], ["file.missing", { name: "b.csv", directory: "data/in" }]);
});

Deno.test("redaction: why a process was rejected, and the engine's log, lose their secrets", async () => {
  await using home = new TestHome();
  using other = openDatabase(home.databasePath); // as the other half has it
  const deployments = createDeployments(other);
  const lines: string[] = [];
  const engine = await startEngine({
    db: home.db,
    databasePath: home.databasePath,
    dataFolder: home.dataFolder,
    connectors: CONNECTORS,
    responders: NO_ANSWERS,
    outbox: home.outbox,
    clock: systemClock,
    log: createLog({ clock: systemClock, format: "json", write: (line) => lines.push(line) }),
  });
  deployments.offer({
    hash: "aa",
    files: [{ name: "orders", body: ORDERS.replace("path: in", `path: /${CARD}`) }],
  });
  await until(() => deployments.status().state === "failed");
  const [process] = deployments.processes();
  for (const text of [process!.reason, deployments.status().message, lines.join("\n")]) {
    assert(text.includes("[redacted: card number]") && !text.includes(CARD), text);
  }
  await engine.stop(1_000);
});

Deno.test("redaction: the owner's rules come through the database, and their change counts", async () => {
  await using home = new TestHome();
  migrateEngine(home.db);
  const redaction = new EngineRedaction(home.db);
  const text = "customer C-1 ada@example.com";
  assertEquals(redaction.text(text), "customer C-1 [redacted: e-mail address]");
  offerRedaction(home.db, [{ name: "customer", pattern: "C-\\d+" }]);
  await redaction.refresh();
  assertEquals(redaction.text(text), "customer [redacted: customer] [redacted: e-mail address]");
  offerRedaction(home.db, []);
  await redaction.refresh();
  assertEquals(redaction.text(text), "customer C-1 [redacted: e-mail address]");
});

Deno.test("redaction: a long text is cut after its secrets are gone, never in the middle of one", async () => {
  await using home = new TestHome();
  migrateEngine(home.db);
  const { bounded } = new EngineRedaction(home.db);
  for (let before = 980; before < 1_000; before++) {
    const text = bounded(`${"x ".repeat(before / 2)}${CARD}`);
    assert(text.length <= 1_000 && !text.includes("4111"), text.slice(-40));
  }
  assertEquals(bounded("short"), "short");
});
