import { assertEquals } from "@std/assert";
import type { Trigger } from "../../src/engine/definition/trigger.ts";
import { Settling } from "../../src/engine/settling.ts";
import type { Input } from "../../src/engine/connector.ts";
import { runTrigger } from "../../src/engine/triggers.ts";
import { TestClock } from "../support/clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function trigger(trigger: Trigger, clock: TestClock) {
  const stop = new AbortController();
  const fired: string[] = [];
  const running = runTrigger(trigger, {
    clock,
    signal: stop.signal,
    folder: "/nonexistent",
    fire: () => fired.push(new Date(clock.now()).toISOString().slice(0, 16)),
  });
  return {
    fired,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

Deno.test("trigger: every fires at once and then in its rhythm, whatever the wall clock does", async () => {
  const clock = new TestClock();
  await using every = trigger({ kind: "every", everyMs: 10_000 }, clock);
  await clock.advance(25_000);
  assertEquals(every.fired.length, 3);
  clock.jump(-5 * HOUR);
  await clock.advance(10_000);
  clock.jump(50 * HOUR);
  await clock.advance(10_000);
  assertEquals(every.fired.length, 5);
});

const DAILY: Trigger = { kind: "cron", pattern: "0 6 * * *", timezone: "Europe/Berlin" };

Deno.test("trigger: cron fires at the local time, through daylight saving", async () => {
  for (
    const [before, expected] of [[Date.UTC(2026, 2, 28, 4, 55), "T05:00"], [
      Date.UTC(2026, 2, 29, 3, 55),
      "T04:00",
    ]]
  ) {
    const clock = new TestClock(Number(before));
    await using daily = trigger(DAILY, clock);
    await clock.advance(10 * MINUTE);
    assertEquals(daily.fired.map((time) => time.slice(10)), [expected]);
  }
});

Deno.test("trigger: cron fires once when the clock jumps over its time, and again after it was set back", async () => {
  const clock = new TestClock(Date.UTC(2026, 0, 10, 0));
  await using daily = trigger(DAILY, clock);
  await clock.advance(2 * MINUTE);
  clock.jump(72 * HOUR);
  await clock.advance(2 * MINUTE);
  assertEquals(daily.fired.length, 1);
  clock.jump(-43 * HOUR - 6 * MINUTE);
  await clock.advance(10 * MINUTE);
  assertEquals(daily.fired.length, 2);
});

Deno.test("trigger: a folder that is not there is looked for again and again", async () => {
  const clock = new TestClock();
  await using watch = trigger({ kind: "watch", settleMs: 0 }, clock);
  await clock.advance(95_000);
  assertEquals(watch.fired.length, 4);
});

Deno.test("settling: only inputs that have stopped changing are ready, and failures are left alone", () => {
  const settling = new Settling(2_000);
  const input = (name: string, identity: string) => ({ name, identity }) as Input;
  const names = (
    { ready, againInMs }: ReturnType<Settling["ready"]>,
  ) => [ready.map(({ name }) => name), againInMs];
  assertEquals(names(settling.ready([input("a", "1")], 0)), [[], 2_000]);
  assertEquals(names(settling.ready([input("a", "2"), input("b", "1")], 1_500)), [[], 2_000]);
  assertEquals(names(settling.ready([input("a", "2"), input("b", "2")], 3_500)), [["a"], 2_000]);
  settling.took([input("a", "2")], 3_500);
  assertEquals(names(settling.ready([input("a", "2")], 6_000)), [[], 597_500]);
  assertEquals(names(settling.ready([input("a", "3")], 7_000)), [[], 2_000]);
  assertEquals(names(settling.ready([input("a", "3")], 9_000)), [["a"], undefined]);
});
