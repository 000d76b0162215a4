import { assert, assertEquals } from "@std/assert";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const csv = (rows: number, from = 0) =>
  "id,amount\n" + Array.from({ length: rows }, (_, i) => `${from + i},${i % 100}\n`).join("");

const summary = (fleet: Fleet) => fleet.api.get<Summary>("/summary");

Deno.test("a file that is dropped into a folder is read, mapped, written, tracked and shown by the platform", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", csv(1_000) + "not a number,x\n");
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(() => summary(fleet), ({ documents }) => documents.in === 1_001);

  const written = (await Deno.readTextFile(`${fleet.home}/data/out/a.ndjson`)).trimEnd().split("\n");
  assertEquals(written.length, 1_000);
  assertEquals(JSON.parse(written[7]!), { id: "7", amount: 7 });
  const [run] = await fleet.runViews();
  assertEquals([run?.outcome, run?.documents.out, run?.documents.failed], ["partial", 1_000, 1]);
  const detail = await fleet.api.get<{ files: { name: string; role: string; documents: number }[] }>(
    `/runs/${run!.id}`,
  );
  assertEquals(detail.files.find(({ role }) => role === "source")?.name, "a.csv");

  const view = await fleet.agentView();
  assertEquals([view.state, view.name, view.health?.healthy], ["online", "test", true]);
  assertEquals(view.processes.map(({ process, state }) => [process, state]), [["copy", "active"]]);

  // What left is in the ledger, whole, and does not hold what was in the file.
  await eventually(() => fleet.json<{ spool: unknown[] }>(["status"]), ({ spool }) => spool.length === 0);
  assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
  const { entries } = await fleet.json<{ entries: { number: number; class: string }[] }>(["egress"]);
  assert(entries.some((entry) => entry.class === "tracking"));
  for (const { number } of entries) {
    const { decoded } = await fleet.json<{ decoded: unknown }>(["egress", "show", String(number)]);
    assert(!JSON.stringify(decoded).includes("not a number"));
  }
});

Deno.test("SIGTERM says goodbye: the platform shows the agent as stopped, and the exit code is 0", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const agent = fleet.startAgent();
    await agent.connected();
    assertEquals(await agent.stop(signal), 0);
    const view = await eventually(() => fleet.agentView(), ({ state }) => state === "offline");
    assertEquals(view.reason, "stopped");
  }
  const status = await fleet.json<{ connection: { state: string } }>(["status"]);
  assertEquals(status.connection.state, "stopped");
});

Deno.test("a second agent in the same home is refused", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.startAgent().connected();
  const { code, stdout } = await fleet.run(["run", "--json"]);
  assertEquals([code, JSON.parse(stdout).error.code], [9, "home.locked"]);
});

Deno.test("a definition that is not valid never replaces a good one, and the platform is told why", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.startAgent().connected();
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");

  await fleet.api.publish("copy", COPY_PROCESS.replace("glob:", "globe:"));
  const view = await eventually(
    () => fleet.agentView(),
    ({ processes }) => processes[0]?.state === "rejected",
  );
  assert(view.processes[0]?.reason?.includes("globe"), JSON.stringify(view.processes));
  assertEquals(view.health?.healthy, false);

  await fleet.drop("data/in/still.csv", csv(10));
  await eventually(() => summary(fleet), ({ documents }) => documents.out === 10);

  await fleet.api.publish("copy", COPY_PROCESS.replace('version: "1"', 'version: "2"'));
  await eventually(
    () => fleet.agentView(),
    ({ processes, health }) => processes[0]?.state === "active" && health?.healthy === true,
  );
});

Deno.test("processes run while the platform is away, and it learns of every run once it is back", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  const agent = fleet.startAgent();
  await agent.connected();
  await fleet.drop("data/in/before.csv", csv(100));
  await eventually(() => summary(fleet), ({ documents }) => documents.in === 100);

  await fleet.stopPlatform();
  await agent.line(({ message }) => message === "not connected");
  await fleet.drop("data/in/during.csv", csv(200));
  await eventually(() => fleet.json<{ spool: unknown[] }>(["status"]), ({ spool }) => spool.length > 0);

  await fleet.startPlatform();
  const after = await eventually(() => summary(fleet), ({ documents }) => documents.in === 300);
  assertEquals([after.documents.out, after.agents.online], [300, 1]);
  assertEquals((await fleet.runViews()).map(({ outcome }) => outcome), ["succeeded", "succeeded"]);
});

Deno.test("an agent that is started before its platform connects as soon as that is there", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.stopPlatform();
  const agent = fleet.startAgent();
  const { code, remedy } = await agent.line(({ message }) => message === "not connected");
  assertEquals(code, "platform.unreachable");
  assert(remedy);
  await fleet.startPlatform();
  await agent.connected();
});

Deno.test("a revoked agent is told why, and keeps its data to itself", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  await fleet.api.call("POST", `/agents/${(await fleet.agentView()).id}/revoke`);
  const line = await agent.line(({ message }) => message === "not connected");
  assertEquals(line.code, "platform.refused");
  assert(/revoked/.test(String(line.reason)), JSON.stringify(line));
  assertEquals(
    (await eventually(() => fleet.agentView(), ({ state }) => state === "offline")).reason,
    "revoked",
  );
});

Deno.test("a home without an identity, and one whose identity is damaged, say what to do", async () => {
  await using fleet = await Fleet.start();
  const none = await fleet.run(["run", "--json"]);
  assertEquals([none.code, JSON.parse(none.stdout).error.code], [3, "identity.missing"]);

  await fleet.enrol();
  await Deno.writeTextFile(`${fleet.home}/state/identity/enrolment.json`, "{torn");
  const damaged = await fleet.run(["run", "--json"]);
  assertEquals([damaged.code, JSON.parse(damaged.stdout).error.code], [9, "state.unreadable"]);
  assertEquals(await Deno.readTextFile(`${fleet.home}/state/identity/enrolment.json`), "{torn");
});
