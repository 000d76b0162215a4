import { assertEquals } from "@std/assert";
import { PlatformTime } from "../../src/agent/platform_time.ts";
import { TestClock } from "../support/clock.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

Deno.test("before the first proof nothing is known of the platform's time", () => {
  const time = new PlatformTime(new TestClock());
  assertEquals([time.now(), time.offsetMs()], [undefined, undefined]);
});

Deno.test("the platform's time goes on by the monotonic clock, and does not move when this machine's is set", async () => {
  const clock = new TestClock(START);
  const time = new PlatformTime(clock);
  time.learn(23 * HOUR);
  await clock.advance(HOUR);
  assertEquals([time.now(), time.offsetMs()], [START + 24 * HOUR, 23 * HOUR]);
  clock.jump(23 * HOUR);
  assertEquals([time.now(), time.offsetMs()], [START + 24 * HOUR, 0]);
});

Deno.test("an offset is steady: what two proofs measure differently by the network's way is one", () => {
  const clock = new TestClock(START);
  const time = new PlatformTime(clock);
  const told = [60_020, 59_980, 60_300, 90_019, 90_020, 90_100].map((offsetMs) => {
    time.learn(offsetMs);
    return time.offsetMs();
  });
  assertEquals(told, [60_020, 60_020, 60_020, 60_020, 90_020, 90_020]);
});
