import { assertEquals, assertStringIncludes } from "@std/assert";
import { componentsOf, conditionsOf } from "../../src/agent/health/components.ts";
import { clockConditions, ConnectionConditions } from "../../src/agent/health/connection.ts";
import { Health } from "../../src/agent/health/health.ts";
import { healthRecord, readHealth } from "../../src/agent/health/record.ts";
import { hold, visibleAt } from "../../src/agent/health/visibility.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Channel } from "../../src/channels/channel.ts";
import { statusChannel } from "../../src/channels/status.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import type { Condition } from "../../src/protocol/conditions.ts";
import { endingOf, endingOfClose } from "../../src/uplink/ending.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

const ENGINE = { code: "engine.not-running", component: "engine", reason: "it is gone" } as const;
const PENDING = { code: "processes.pending", component: "processes", reason: "not taken up" } as const;
const REJECTED = { code: "process.rejected", component: "process/a", reason: "no source", since: 7 } as const;
const CLOCK = { code: "clock.off", component: "status", reason: "23 hours" } as const;
const MINUTE = 60_000;

const at = (ms: number) => ({ now: 1_000_000 + ms, at: ms });
const codes = (conditions: readonly Condition[]) => conditions.map(({ code }) => code);

Deno.test("a condition is shown when it has held for its time; one that comes and goes is not", () => {
  const held = hold([], [ENGINE], at(0));
  assertEquals(visibleAt(held, 9_999), { shown: [], changesInMs: 1 });
  const later = hold(held, [{ ...ENGINE, reason: "in other words" }], at(10_000));
  const [shown] = visibleAt(later, 10_000).shown;
  assertEquals([shown?.since, shown?.reason], [1_000_000, "in other words"]);
  assertEquals(visibleAt(later, 10_000).changesInMs, undefined);

  const gone = hold(held, [], at(5_000));
  assertEquals(visibleAt(hold(gone, [ENGINE], at(6_000)), 12_000).shown, []);
});

Deno.test("a consequence stays until its cause is shown, and comes back after it", () => {
  const pending = hold([], [PENDING], at(0));
  const both = hold(pending, [PENDING, ENGINE], at(6 * MINUTE));
  assertEquals(codes(visibleAt(both, 6 * MINUTE).shown), ["processes.pending"]);
  assertEquals(codes(visibleAt(both, 6 * MINUTE + 10_000).shown), ["engine.not-running"]);
  assertEquals(codes(visibleAt(hold(both, [PENDING], at(7 * MINUTE)), 7 * MINUTE).shown), [
    "processes.pending",
  ]);
});

Deno.test("errors come first; a cause that knows when it began says so", () => {
  const { shown } = visibleAt(hold([], [CLOCK, REJECTED], at(0)), 0);
  assertEquals(shown.map(({ code, since }) => [code, since]), [["process.rejected", 7], [
    "clock.off",
    1_000_000,
  ]]);
});

Deno.test("what has held long enough is told by itself, and what is told and over is logged", async () => {
  const clock = new TestClock();
  let found: Condition[] = [ENGINE];
  const logged: string[] = [];
  const note = (message: string, facts = {}) =>
    void logged.push(`${message}: ${Object.values(facts).slice(0, 2)}`);
  const shown: string[][] = [];
  const health = new Health({
    clock,
    log: { ...silentLog, error: note, info: note },
    find: () => found,
    due: () => look(),
  });
  const look = () => {
    health.look();
    shown.push(codes(health.shown));
  };
  look();
  await clock.advance(9_999);
  assertEquals(shown, [[]]);
  await clock.advance(1);
  assertEquals(shown, [[], ["engine.not-running"]]);
  found = [];
  look();
  assertEquals(logged, [
    "something is wrong: engine.not-running,engine",
    "no longer wrong: engine.not-running,engine",
  ]);
  found = [ENGINE];
  look();
  health.stop();
  await clock.advance(MINUTE);
  assertEquals(shown.length, 4);
});

function channelsWith(conditions: Condition[]): Channel[] {
  const channels: Channel[] = [
    statusChannel({
      identifying: {},
      other: () => ({}),
      startedAt: 0,
      components: () => componentsOf(channels, visibleAt(hold([], conditions, at(0)), 0).shown),
      conditions: () => conditions,
    }),
    {
      name: "processes",
      bits: 0n,
      custom: [],
      components: () => ({ "process/a": { healthy: true, status: "active" } }),
    },
  ];
  return channels;
}

Deno.test("each channel and each process is a component; the agent tells the worst of them", () => {
  const healthOf = (conditions: Condition[]) => {
    const { health } = channelsWith(conditions)[0]!.state!();
    const { healthy, status, lastError, componentHealthMap: parts } = health as Record<string, unknown>;
    return { told: [healthy, status, lastError], parts: parts as Record<string, Record<string, unknown>> };
  };
  const well = healthOf([]);
  assertEquals(well.told, [true, "healthy", ""]);
  assertEquals(Object.keys(well.parts), ["status", "processes", "process/a"]);
  assertEquals(well.parts["process/a"], { healthy: true, status: "active" });

  const warned = healthOf([CLOCK]);
  assertEquals(warned.told, [true, "warning", "clock.off: 23 hours"]);
  assertEquals([warned.parts.status!.healthy, warned.parts.status!.status], [true, "clock off"]);

  const ill = healthOf([CLOCK, REJECTED]);
  assertEquals(ill.told, [false, "degraded", "process.rejected: no source (and 1 more)"]);
  const { healthy, status, lastError, statusTimeUnixNano, componentHealthMap } = ill.parts["process/a"]!;
  assertEquals([healthy, status, lastError, statusTimeUnixNano], [
    false,
    "rejected",
    "process.rejected: no source",
    7_000_000n,
  ]);
  assertEquals(
    Object.entries(componentHealthMap as Record<string, { status: string }>)
      .map(([code, each]) => [code, each.status]),
    [["process.rejected", "error"]],
  );
});

Deno.test("conditions of a channel belong to its component, unless they name another", () => {
  const channel = (name: string, conditions: Condition[]) =>
    ({ name, bits: 0n, custom: [], conditions: () => conditions }) satisfies Channel;
  const { component: _, ...unnamed } = ENGINE;
  const found = conditionsOf([channel("engine", [unnamed as Condition]), channel("processes", [REJECTED])]);
  assertEquals(found.map(({ component }) => component), ["engine", "process/a"]);
});

Deno.test("a connection that is down is one condition, by its error; a double is told of for a while after", () => {
  const connection = new ConnectionConditions();
  connection.ended(endingOf(new Error("no route")), 0);
  assertEquals(codes(connection.at(0)), ["platform.unreachable"]);
  const retired = endingOfClose({ code: CLOSE.retired, reason: "a newer one is in use" });
  connection.ended(retired, 0);
  assertEquals(connection.at(0).map(({ code, remedy }) => [code, remedy]), [[
    "platform.refused",
    retired.error.remedy,
  ]]);
  connection.ended({ ...endingOf(new Error("another certificate")), planned: true }, 0);
  assertEquals(codes(connection.at(0)), ["platform.refused"]);
  connection.ended(endingOfClose({ code: CLOSE.superseded, reason: "another connection" }), 0);
  assertEquals(connection.at(0).map(({ code, component }) => [code, component]), [
    ["platform.refused", "connection"],
    ["connection.superseded", "status"],
  ]);
  connection.ready();
  assertEquals(codes(connection.at(9 * MINUTE)), ["connection.superseded"]);
  assertEquals(connection.at(10 * MINUTE), []);
});

Deno.test("a clock is off from a minute on, and far off from a day on", () => {
  const told = [undefined, MINUTE, -MINUTE - 1, 24 * 60 * MINUTE, 40 * 24 * 60 * MINUTE]
    .map((offsetMs) => clockConditions(offsetMs).map(({ code }) => code)[0]);
  assertEquals(told, [undefined, undefined, "clock.off", "clock.off", "clock.far-off"]);
  assertStringIncludes(clockConditions(-23 * 60 * MINUTE)[0]!.reason, "23 hours ahead of the platform's");
});

Deno.test("what is shown and how far the clock is off can be read by another process, and is over when it is", async () => {
  using home = temporaryDatabase();
  const clock = new TestClock(0);
  assertEquals(readHealth(home.db), { conditions: [], clock: undefined });
  const record = healthRecord(home.db, clock);
  const { shown } = visibleAt(hold([], [CLOCK, { ...REJECTED, remedy: "mend it" }], at(0)), 0);
  record(shown, -5);
  await clock.advance(1_000);
  record([shown[0]!], -5);
  const read = readHealth(home.db);
  assertEquals(read.conditions.map((each) => ({ ...each })), [{
    code: "process.rejected",
    severity: "error",
    component: "process/a",
    since: 7,
    reason: "no source",
    remedy: "mend it",
  }]);
  assertEquals({ ...read.clock }, { offsetMs: -5, since: 0 });
  record([], 7);
  assertEquals([readHealth(home.db).conditions, { ...readHealth(home.db).clock }], [[], {
    offsetMs: 7,
    since: 1_000,
  }]);
});
