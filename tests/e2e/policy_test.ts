import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { Spool } from "../../src/spool/spool.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { AgentView, Summary } from "../support/fleet.ts";
import { RUN_STARTED } from "../support/records.ts";

const CARD = "4111111111111111";

interface EgressEntry {
  number: number;
  class: string;
  records: string;
  policy: string;
}

const summary = (fleet: Fleet) => fleet.api.get<Summary>("/summary");
const egress = async (fleet: Fleet) =>
  (await fleet.json<{ entries: EgressEntry[] }>(["egress", "--last", "1000"])).entries;
const spool = async (fleet: Fleet) =>
  (await fleet.json<{ spool: { waiting: number }[] }>(["status"])).spool[0]?.waiting ?? 0;
const view = async (fleet: Fleet) =>
  await fleet.agentView() as AgentView & {
    attributes: Record<string, string>;
    health: { status: string; lastError: string };
  };

/** What left, as JSON, of one class. */
async function sent(fleet: Fleet, payloadClass: string): Promise<string> {
  let all = "";
  for (const entry of await egress(fleet)) {
    if (entry.class !== payloadClass) continue;
    const { stdout } = await fleet.run(["egress", "show", String(entry.number), "--json"]);
    all += stdout;
  }
  return all;
}

Deno.test("a policy that denies tracking lets not a byte of it out; what it was told not to send it never sends", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.drop("policy.yaml", "tracking: deny\n");
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(
    () => fleet.json<{ runs: { outcome?: string }[] }>(["status"]),
    ({ runs }) => runs[0]?.outcome === "succeeded",
  );
  await eventually(() => spool(fleet), (waiting) => waiting === 0);

  const from = agent.lines.length;
  await fleet.drop("policy.yaml", "tracking: allow\n");
  await agent.line(({ message }) => message === "policy in force", from);
  await fleet.drop("data/in/b.csv", "id,amount\n1,2\n");
  const { runs } = await eventually(() => summary(fleet), ({ runs }) => runs.succeeded === 1);
  assertEquals(runs.total, 1);
  assert(!(await sent(fleet, "tracking")).includes("a.csv"));
});

Deno.test("a broken policy: a bare status with the line, nothing else, records are kept; put right, everything flows", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.drop("policy.yaml", "status: allow\ntracking: allow\nlogs: confidential-word\n");
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
  const agent = fleet.startAgent();
  const { reason } = await agent.line(({ message }) => message === "nothing leaves but a bare status");
  assertStringIncludes(String(reason), "policy.yaml:3:1: logs: ");
  await agent.connected();
  await eventually(() => spool(fleet), (waiting) => waiting === 2);

  const bare = await view(fleet);
  assertEquals([bare.state, bare.health.status, bare.attributes], ["online", "policy fault", {}]);
  assertStringIncludes(bare.health.lastError, "policy.yaml is broken at line 3, column 1");
  assertEquals(bare.health.conditions.map(({ code }) => code), ["policy.unreadable"]);
  const status = await fleet.json<{ policy: { fault: string } }>(["status"]);
  assertStringIncludes(status.policy.fault, "policy.yaml:3:1: logs: ");
  for (const entry of await egress(fleet)) {
    assert(["health", "heartbeat"].includes(entry.records), entry.records);
  }
  assert(!(await sent(fleet, "status")).includes("confidential-word"));

  await fleet.drop("policy.yaml", "status: allow\ntracking: allow\nlogs: allow\n");
  const { documents } = await eventually(() => summary(fleet), ({ runs }) => runs.succeeded === 1);
  assertEquals(documents.in, 1);
  const whole = await eventually(
    () => view(fleet),
    ({ health, processes }) => health.healthy && processes[0]?.state === "active",
  );
  const { policy } = await fleet.json<{ policy: { hash: string; source: string; fault: string } }>([
    "status",
  ]);
  assertEquals([policy.source, policy.fault], ["policy.yaml", ""]);
  assertEquals(whole.attributes["sallyport.policy.hash"], policy.hash);
  assertEquals((await egress(fleet)).at(-1)!.policy, policy.hash);

  // The other way round: a file that breaks while the agent runs halts it with the next payload.
  await fleet.drop("policy.yaml", "tracking: [\n");
  await eventually(() => view(fleet), ({ health }) => health.status === "policy fault");
  await fleet.drop("data/in/b.csv", "id,amount\n1,2\n");
  await eventually(() => spool(fleet), (waiting) => waiting === 2);
  assertEquals((await summary(fleet)).runs.total, 1);
});

Deno.test("hashed names arrive hashed, the same name with the same hash, and so do the texts of processes", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.drop(
    "policy.yaml",
    "tracking: { names: hashed, directories: hashed }\nstatus: { processTexts: hashed }\n",
  );
  await fleet.api.publish("copy", COPY_PROCESS.replace('file: "{source}.ndjson"', "file: all.ndjson"));
  await fleet.drop("data/in/Ada.csv", "id,amount\n1,2\n");
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(() => summary(fleet), ({ runs }) => runs.succeeded === 1);
  await fleet.drop("data/in/Ada.csv", "id,amount\n1,2\nbad\n");
  await eventually(() => summary(fleet), ({ runs }) => runs.partial === 1);

  const files = await Promise.all(
    (await fleet.runViews()).map(async ({ id }) =>
      (await fleet.api.get<{ files: { name: string; directory: string; role: string }[] }>(`/runs/${id}`))
        .files
    ),
  );
  const sources = files.map((each) => each.find(({ role }) => role === "source")!);
  assert(/^hashed-[0-9a-f]{20}$/.test(sources[0]!.name), sources[0]!.name);
  const places = sources.map(({ name, directory }) => `${directory}/${name}`);
  assertEquals(places[0], places[1]);
  const tracking = await sent(fleet, "tracking");
  for (const part of ["Ada", "ndjson", "data/"]) assert(!tracking.includes(part), part);
  // The platform still knows which text runs there, without having been sent it.
  assertEquals((await fleet.agentView()).processes.map(({ state }) => state), ["active"]);
  assert(!(await sent(fleet, "status")).includes("watch: true"));
});

Deno.test("a card number in the words of an error does not leave, nor does it stand in the agent's log", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.drop(`data/${CARD}`, "a file where a folder should be");
  await fleet.api.publish("copy", COPY_PROCESS.replace("path: out", `path: "${CARD}/out"`));
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(() => summary(fleet), ({ runs }) => runs.failed > 0);
  const tracking = await sent(fleet, "tracking");
  assert(tracking.includes("[redacted: card number]") && !tracking.includes(CARD), tracking);
  assert(!agent.lines.some((line) => JSON.stringify(line).includes(CARD)), agent.tail());
});

Deno.test("over the day's budget records wait and the platform is told why; a larger budget lets them go", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const db = openDatabase(`${fleet.home}/state/sallyport.db`);
  const waiting = new Spool(db, systemClock);
  const file = { role: "source", directory: "data/in", bytes: 1, documents: 1, failed: 0 };
  const files = Array.from({ length: 100 }, (_, i) => ({ ...file, name: `${i}-${"x".repeat(240)}` }));
  for (let n = 0; n < 50; n++) {
    waiting.put("tracking", { kind: "run-files", runId: RUN_STARTED.runId, files });
  }
  db.close();
  await fleet.drop("policy.yaml", "tracking: { budget: 1 MiB }\n");
  const agent = fleet.startAgent();
  await agent.connected();
  const held = await eventually(
    () => view(fleet),
    ({ health }) => health.components["policy"]?.status === "holding",
  );
  assertStringIncludes(held.health.components["policy"]!.lastError, "1 MiB a day of UTC");
  const left = await spool(fleet);
  assert(left > 0 && left < 50, String(left));
  const { egress: totals } = await fleet.json<{ egress: { class: string; bytes: number }[] }>(["status"]);
  assert(totals.find((each) => each.class === "tracking")!.bytes <= 1024 * 1024);

  await fleet.drop("policy.yaml", "tracking: { budget: 16 MiB }\n");
  await eventually(() => spool(fleet), (waiting) => waiting === 0);
  await eventually(() => view(fleet), ({ health }) => health.components["policy"]?.lastError === "");
});
