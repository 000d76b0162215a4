import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { loadIdentity } from "../../src/identity/identity.ts";
import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { clockAhead } from "../support/clock.ts";
import { findFaketime, withClockOff } from "../support/faketime.ts";
import type { Summary } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";

const ignore = findFaketime() === undefined;
if (ignore) {
  console.log(
    "The tests of clocks that are off are skipped: Debian's package faketime is not installed here.",
  );
}

const DAY_HOURS = 24;
const DAY_MS = DAY_HOURS * 3_600_000;

/** A fleet whose agent has this clock, also when it enrols. */
async function fleetWithClockOff(hours: number) {
  const fleet = await Fleet.start();
  const program = withClockOff(fleet.program, hours);
  const bundle = await fleet.api.bundle();
  const enrolled = await runCommand(program, fleet.home, ["enroll", "-", "--name", "test"], bundle);
  return { fleet, program, enrolled };
}

/** What `sallyport status` says under a clock that is off as the agent's. */
async function status(program: AgentProgram, fleet: Fleet) {
  const { stdout } = await runCommand(program, fleet.home, ["status", "--json"]);
  return JSON.parse(stdout) as {
    agent: { certificateDaysLeft: number };
    clock: { offsetMs: number };
    conditions: { code: string; reason: string }[];
  };
}

for (const hours of [-23, 23]) {
  Deno.test({
    name: `a clock that is ${Math.abs(hours)} hours ${
      hours < 0 ? "behind" : "ahead"
    } hinders nothing: enrolment, records, renewal at its time`,
    ignore,
    async fn() {
      const { fleet, program, enrolled } = await fleetWithClockOff(hours);
      await using _ = fleet;
      assertEquals(enrolled.code, 0, enrolled.stderr);
      const { certificate } = await loadIdentity(`${fleet.home}/state`);
      await fleet.api.publish("copy", COPY_PROCESS.replace("watch: true", "watch: { settle: 50ms }"));
      const agent = fleet.startAgent(["run"], program);
      await agent.connected();
      await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
      await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 1);

      const way = hours < 0 ? "behind" : "ahead of";
      const reason = `the agent's clock is 23 hours ${way} the platform's`;
      const { health } = await fleet.agentView();
      assertEquals([health?.healthy, health?.components.status?.status], [true, "clock off"]);
      assertEquals(health?.conditions.map((each) => [each.code, each.reason]), [["clock.off", reason]]);
      const { clock, conditions } = await status(program, fleet);
      assert(Math.abs(clock.offsetMs + hours * 3_600_000) < 60_000, `${clock.offsetMs}`);
      assertEquals(conditions.map((each) => [each.code, each.reason]), [["clock.off", reason]]);

      // Of 30 days, and the one by which it is backdated, two thirds are not over on the 19th and are on the 22nd.
      const from = agent.lines.length;
      await fleet.stopPlatform();
      await fleet.startPlatform({ clock: clockAhead(19 * DAY_MS) });
      await agent.connected(from);
      await fleet.drop("data/in/b.csv", "id,amount\n1,2\n");
      await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 2);
      assertEquals(
        await Deno.stat(`${fleet.home}/state/renewal`).catch(() => "not asked for"),
        "not asked for",
      );
      await fleet.stopPlatform();
      await fleet.startPlatform({ clock: clockAhead(22 * DAY_MS) });
      await agent.line(({ message }) => message === "the certificate was renewed");
      assertNotEquals((await loadIdentity(`${fleet.home}/state`)).certificate, certificate);
      assertEquals(await agent.stop(), 0);
    },
  });
}

Deno.test({
  name:
    "a clock that is 40 days behind keeps the agent from connecting, and the error says so, and by how much",
  ignore,
  async fn() {
    const { fleet, program, enrolled } = await fleetWithClockOff(-40 * DAY_HOURS);
    await using _ = fleet;
    assertEquals(enrolled.code, 6);
    assertMatch(enrolled.stderr, /the clock is behind by about 39 days or more/);
    await fleet.enrol();
    const agent = fleet.startAgent(["run"], program);
    const { code, reason, remedy } = await agent.line(({ message }) => message === "not connected");
    assertEquals(code, "platform.not-trusted");
    assertMatch(String(reason), /this machine's clock says .* the clock is behind by about 39 days or more/);
    assertMatch(String(remedy), /Set this machine's clock/);
    await agent.stop();
  },
});

Deno.test({
  name: "a clock that is 40 days ahead, past the end of the certificate, renews nothing before its time",
  ignore,
  async fn() {
    const { fleet, program, enrolled } = await fleetWithClockOff(40 * DAY_HOURS);
    await using _ = fleet;
    assertEquals(enrolled.code, 7);
    assertMatch(enrolled.stderr, /it is now .* set this machine's clock/s);
    await fleet.enrol();
    const { certificate } = await loadIdentity(`${fleet.home}/state`);
    const agent = fleet.startAgent(["run"], program);
    await agent.connected();
    await fleet.stopPlatform();
    await agent.line(({ message }) => message === "not connected");
    const from = agent.lines.length;
    await fleet.startPlatform();
    await agent.connected(from);
    const { agent: { certificateDaysLeft }, conditions } = await status(program, fleet);
    assert(certificateDaysLeft >= 29, `${certificateDaysLeft}`);
    assertEquals(conditions.map(({ code }) => code), ["clock.far-off"]);
    assertEquals((await fleet.agentView()).health?.conditions[0]?.severity, "error");
    assertEquals(await agent.stop(), 0);
    const names = await Array.fromAsync(Deno.readDir(`${fleet.home}/state`), ({ name }) => name);
    assert(!names.includes("renewal"), "it has asked for another certificate");
    assertEquals((await loadIdentity(`${fleet.home}/state`)).certificate, certificate);
  },
});
