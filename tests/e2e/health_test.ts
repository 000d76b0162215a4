import { assert, assertEquals, assertMatch } from "@std/assert";
import { openDatabase, transaction } from "../../src/base/sqlite.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Spool } from "../../src/spool/spool.ts";
import { CONDITIONS } from "../../src/protocol/conditions.ts";
import { eventually, Fleet } from "../support/fleet.ts";
import { RUN_STARTED } from "../support/records.ts";

interface Status {
  clock: { offsetMs: number } | null;
  conditions: {
    code: string;
    severity: string;
    component: string;
    since: string;
    reason: string;
    remedy: string;
  }[];
}

const status = (fleet: Fleet) => fleet.json<Status>(["status"]);

Deno.test("a record that cannot be read is told of on both sides, until somebody has taken it out", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  assertEquals((await status(fleet)).conditions, []);
  assertEquals((await fleet.agentView()).health?.conditions, []);

  const db = openDatabase(`${fleet.home}/state/sallyport.db`);
  const spool = new Spool(db, systemClock);
  transaction(db, () => {
    spool.put("tracking", RUN_STARTED);
    db.exec("UPDATE spool SET payload = substr(payload, 1, 9)");
  });
  const { health } = await eventually(
    () => fleet.agentView(),
    ({ health }) => health?.conditions.length === 1,
  );
  assertEquals([health?.healthy, health?.components.tracking?.status], [true, "quarantined"]);
  const { code, reason, remedy } = health!.conditions[0]!;
  assertEquals([code, reason], ["spool.quarantined", "1 spooled record cannot be read"]);
  assertEquals(remedy, CONDITIONS["spool.quarantined"].remedy);

  const { conditions } = await status(fleet);
  const { since, ...told } = conditions[0]!;
  assertEquals(told, { code, severity: "warning", component: "tracking", reason, remedy });
  assert(Math.abs(Date.parse(since) - Date.now()) < 60_000);
  const { stdout } = await fleet.run(["status"]);
  assertMatch(stdout, /Health {5}1 warning\n/);
  assertMatch(
    stdout,
    /\nspool\.quarantined \(tracking\) since .*\n {2}1 spooled record .*\n {2}What to do: /,
  );

  db.exec("DELETE FROM spool_quarantine");
  db.close();
  await eventually(() => fleet.agentView(), ({ health }) => health?.conditions.length === 0);
  assertEquals((await status(fleet)).conditions, []);
  assertEquals(await agent.stop(), 0);
});

Deno.test("an agent that was thrown out by a copy of its home says so at once", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const copy = await fleet.copyHome();
  const agent = fleet.startAgent();
  await agent.connected();
  fleet.startAgent(["run"], fleet.program, copy);
  await agent.line(({ code }) => code === "connection.superseded");
  const { conditions } = await status(fleet);
  assertEquals(conditions.map(({ code, component }) => [code, component]), [[
    "connection.superseded",
    "status",
  ]]);
});

Deno.test("what a stopped agent had noted is not shown any more; how its clock stood is", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("broken", "process: broken\n");
  const agent = fleet.startAgent();
  await agent.line(({ code }) => code === "process.rejected");
  assertEquals((await status(fleet)).conditions.map(({ code }) => code), ["process.rejected"]);
  await agent.stop("SIGKILL");
  const { conditions, clock } = await status(fleet);
  assertEquals(conditions, []);
  assert(Math.abs(clock!.offsetMs) < 30_000, `${clock?.offsetMs}`);
});
