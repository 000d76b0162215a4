import { assertEquals } from "@std/assert";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const CSV = "id,amount\n1,10\n2,20\n";

Deno.test("the two halves do the same as two processes that they do as one", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  const gatehouse = fleet.startAgent(["run", "--half", "gatehouse"]);
  await gatehouse.connected();
  const engine = fleet.startAgent(["run", "--half", "engine"]);
  await engine.line(({ message }) => message === "engine started");
  await fleet.drop("data/in/a.csv", CSV);
  await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 2);
  assertEquals((await fleet.json<{ running: unknown }>(["status"])).running, {
    gatehouse: true,
    engine: true,
  });

  // The gatehouse outlives the engine, stays online, and says so.
  assertEquals(await engine.stop("SIGKILL"), 137);
  const view = await eventually(() => fleet.agentView(), ({ health }) => health?.healthy === false);
  assertEquals([view.state, view.health?.components.engine?.status], ["online", "not running"]);
  const { conditions } = await fleet.json<{ conditions: { code: string; remedy: string }[] }>(["status"]);
  assertEquals(conditions.map(({ code }) => code), ["engine.not-running"]);
  assertEquals(conditions[0]?.remedy, view.health?.conditions[0]?.remedy);

  // A new engine goes on, and the gatehouse notices that too.
  const again = fleet.startAgent(["run", "--half", "engine"]);
  await fleet.drop("data/in/b.csv", CSV);
  await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 4);
  await eventually(() => fleet.agentView(), ({ health }) => health?.healthy === true);
  assertEquals(await again.stop(), 0);
  assertEquals(await gatehouse.stop(), 0);
});

Deno.test("an engine in the same program has no network, no keys, no policy, and only its folders", async () => {
  // The Worker is started exactly as the host starts it, with a probe in the place of the engine's code.
  const folder = await Deno.makeTempDir();
  const cwd = Deno.cwd();
  try {
    for (const path of ["state/identity", "data/in", "data/other", "data/browsed", "secrets"]) {
      await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    }
    for (
      const path of [
        "state/identity/key.pem",
        "policy.yaml",
        "data/in/a",
        "data/other/b",
        "data/browsed/e",
        "secrets/shop",
        "state/sallyport.db",
      ]
    ) {
      await Deno.writeTextFile(`${folder}/${path}`, "x");
    }
    Deno.chdir(folder);
    const { engineWorkerOptions } = await import("../../src/agent/engine_host.ts");
    const probe = new URL("../support/worker_probe.ts", import.meta.url).href;
    const attempt = async (options: WorkerOptions) => {
      const worker = new Worker(probe, options);
      const results = await new Promise<Record<string, string>>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.terminate();
      return results;
    };
    const results = await attempt(engineWorkerOptions(["in"]));
    assertEquals(results, {
      "read data/in/a": "done",
      "write data/in/c": "done",
      "read state/sallyport.db": "done",
      "read data/other/b": "NotCapable",
      "write data/other/d": "NotCapable",
      "read data/browsed/e": "NotCapable",
      "write data/browsed/f": "NotCapable",
      "read secrets/shop": "done",
      "write secrets/shop": "NotCapable",
      "read state/identity/key.pem": "NotCapable",
      "read policy.yaml": "NotCapable",
      "write policy.yaml": "NotCapable",
      "connect 127.0.0.1:9": "NotCapable",
      "connect 127.0.0.1:11": "NotCapable",
      "fetch": "NotCapable",
      "listen": "NotCapable",
      "run": "NotCapable",
    });
    // With a connection: its address and what it leads to, to read, and nothing else.
    const browsing = await attempt(
      engineWorkerOptions(["in"], { hosts: ["127.0.0.1:9"], paths: ["browsed"] }),
    );
    assertEquals(browsing, {
      ...results,
      "connect 127.0.0.1:9": "ConnectionRefused", // allowed; nobody listens
      "read data/browsed/e": "done",
    });
  } finally {
    Deno.chdir(cwd);
    await Deno.remove(folder, { recursive: true });
  }
});
