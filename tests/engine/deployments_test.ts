import { NO_ANSWERS } from "../support/requests.ts";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import type { Deployments } from "../../src/engine/deployments.ts";
import { startEngine } from "../../src/engine/engine.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { lockOwner } from "../../src/engine/lock.ts";
import type { RunPause } from "../../src/engine/run_pause.ts";
import { createRunPause } from "../../src/engine/run_pause.ts";
import { ORDERS, TestHome, until } from "./support.ts";

interface Setting extends AsyncDisposable {
  home: TestHome;
  /** On a connection of its own, as the gatehouse has it. */
  gatehouse: Deployments;
  pause: RunPause;
  /** What the engines have logged as errors. */
  complaints: string[];
  start(permittedFolders?: string[], onNeedsFolders?: (folders: string[]) => void): Promise<Engine>;
}

function setUp(): Setting {
  const home = new TestHome();
  const other = openDatabase(home.databasePath);
  const engines: Engine[] = [];
  const complaints: string[] = [];
  const log = { ...silentLog, error: (message: string) => void complaints.push(message) };
  return {
    home,
    gatehouse: createDeployments(other),
    pause: createRunPause(other),
    complaints,
    async start(permittedFolders, onNeedsFolders) {
      const { db, databasePath, dataFolder, outbox } = home;
      const engine = await startEngine({
        db,
        databasePath,
        dataFolder,
        connectors: CONNECTORS,
        responders: NO_ANSWERS,
        outbox,
        clock: systemClock,
        log,
        ...(permittedFolders ? { permittedFolders } : {}),
        ...(onNeedsFolders ? { onNeedsFolders } : {}),
      });
      engines.push(engine);
      return engine;
    },
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine.stop(5_000);
      other.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

const WATCHING = ORDERS.replace('version: "1"', 'version: "1"\ntrigger: { watch: { settle: 0ms } }');
const version = (n: number) => WATCHING.replace('version: "1"', `version: "${n}"`);
const shown = (deployments: Deployments) =>
  deployments.processes().map(({ name, version, state }) => [name, version, state]);

Deno.test("deployments: what is offered becomes active and runs, with its records", async () => {
  await using setting = setUp();
  const { home, gatehouse } = setting;
  assertEquals(gatehouse.status(), { hash: "", state: "none", message: "" });
  await setting.start();
  await home.write("in/a.csv", "id,total\n1,1\n");
  gatehouse.offer({ hash: "aa", files: [{ name: "orders", body: WATCHING }] });
  assertEquals(gatehouse.status().hash, "aa");
  await until(() => home.list("out").length === 1);
  await until(() => home.records.length === 2);
  assertEquals(gatehouse.status(), { hash: "aa", state: "applied", message: "" });
  assertEquals(shown(gatehouse), [["orders", "1", "active"]]);
  assertEquals(gatehouse.folders(), ["done", "failed", "in", "out"]);
});

Deno.test("deployments: a bad definition never replaces a good one", async () => {
  await using setting = setUp();
  const { home, gatehouse } = setting;
  await setting.start();
  gatehouse.offer({ hash: "a1", files: [{ name: "orders", body: WATCHING }] });
  await until(() => gatehouse.status().state === "applied");

  gatehouse.offer({
    hash: "a2",
    files: [
      { name: "orders", body: version(2).replace("format: csv", "format: xls") },
      { name: "other", body: version(1) },
    ],
  });
  await until(() => gatehouse.status().state === "failed");
  const [orders, other] = gatehouse.processes();
  assertEquals([orders?.state, orders?.version, orders?.body], ["rejected", "1", WATCHING]);
  assertStringIncludes(orders!.reason, "source.disk.format");
  assertEquals([other?.state, other?.definition], ["rejected", ""]);
  assertStringIncludes(other!.reason, 'offered as "other"');
  assertStringIncludes(gatehouse.status().message, "needs a format");
  await home.write("in/a.csv", "id,total\n1,1\n");
  await until(() => home.list("out").length === 1);

  gatehouse.offer({ hash: "a3", files: [{ name: "orders", body: version(3) }] });
  await until(() => gatehouse.status().state === "applied");
  assertEquals(shown(gatehouse), [["orders", "3", "active"]]);
});

Deno.test("deployments: what is no longer wanted is removed, and its files stay", async () => {
  await using setting = setUp();
  const { home, gatehouse } = setting;
  await setting.start();
  gatehouse.offer({ hash: "a1", files: [{ name: "orders", body: WATCHING }] });
  await until(() => gatehouse.status().state === "applied");
  gatehouse.offer({ hash: "a2", files: [] });
  await until(() => gatehouse.status().state === "applied" && gatehouse.status().hash === "a2");
  assertEquals(shown(gatehouse), []);
  await home.write("in/a.csv", "id,total\n1,1\n");
  assertEquals(home.list("in"), ["a.csv"]);
});

Deno.test("deployments: a restart resumes what was active, and applies what was offered meanwhile", async () => {
  await using setting = setUp();
  const { home, gatehouse } = setting;
  const first = await setting.start();
  gatehouse.offer({ hash: "a1", files: [{ name: "orders", body: WATCHING }] });
  await until(() => gatehouse.status().state === "applied");
  await first.stop(5_000);
  await first.finished;
  gatehouse.offer({
    hash: "a2",
    files: [{ name: "orders", body: version(2).replace("format: csv", "format: xls") }],
  });
  await home.write("in/a.csv", "id,total\n1,1\n");
  await setting.start();
  await until(() => home.list("out").length === 1 && gatehouse.status().state === "failed");
  assertEquals(shown(gatehouse), [["orders", "1", "rejected"]]);
});

Deno.test("deployments: an engine without the folders asks for them, and one that has them goes on", async () => {
  await using setting = setUp();
  const { gatehouse } = setting;
  const needed = Promise.withResolvers<string[]>();
  const narrow = await setting.start(["in"], needed.resolve);
  gatehouse.offer({ hash: "a1", files: [{ name: "orders", body: WATCHING }] });
  assertEquals(await needed.promise, ["done", "failed", "out"]);
  assertEquals([gatehouse.status().state, shown(gatehouse)], ["applying", []]);
  await narrow.stop(5_000);
  await setting.start(gatehouse.folders());
  await until(() => gatehouse.status().state === "applied");
});

Deno.test("deployments: one engine a home, and a set over the limits is refused", async () => {
  await using setting = setUp();
  await setting.start();
  const second = () => lockOwner(setting.home.databasePath, "engine", 0, systemClock);
  await assertRejects(second, SallyportError, "another engine");
  const files = Array.from({ length: 501 }, (_, i) => ({ name: `p${i}`, body: "" }));
  assertThrows(() => setting.gatehouse.offer({ hash: "x", files }), SallyportError, "at most 500");
  const twice = [{ name: "a", body: "" }, { name: "a", body: "" }];
  assertThrows(() => setting.gatehouse.offer({ hash: "x", files: twice }), SallyportError, "twice");
});

Deno.test("runs: none begins while the gatehouse says that they wait, also after a restart; what waited is run then", async () => {
  await using setting = setUp();
  const { home, gatehouse, pause, complaints } = setting;
  gatehouse.offer({ hash: "a1", files: [{ name: "orders", body: WATCHING }] });
  pause.set("the disk is full");
  for (let start = 1; start <= 2; start++) {
    const engine = await setting.start();
    await home.write(`in/${start}.csv`, "id,total\n1,1\n");
    await until(() => complaints.length === start);
    await engine.stop(5_000);
  }
  assertEquals(complaints, Array(2).fill("runs wait: the disk is full"));
  assertEquals([home.list("in"), home.records], [["1.csv", "2.csv"], []]);
  pause.set("");
  await setting.start();
  await until(() => home.list("out").length === 2);
});
