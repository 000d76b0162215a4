import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { inWords } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { fail, ok, overall, skipped, warn } from "../../src/agent/doctor/check.ts";
import { connectionCheck } from "../../src/agent/doctor/home.ts";
import { certificateCheck } from "../../src/agent/doctor/identity.ts";
import { clockCheck, proofCheck, proxyCheck, routeChecks, tlsCheck } from "../../src/agent/doctor/network.ts";
import { checkPolicy } from "../../src/agent/doctor/policy.ts";
import { spoolCheck } from "../../src/agent/doctor/state.ts";
import { withinTime } from "../../src/agent/doctor/time.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryFolder } from "../support/home.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FROM = Date.UTC(2026, 0, 1);
const LIFE = { notBefore: FROM, notAfter: FROM + 30 * DAY };

Deno.test("the verdict over all is the worst; what was skipped does not count", () => {
  const [good, odd, bad, unknown] = [ok("a", ""), warn("b", "", ""), fail("c", "", ""), skipped("d", "")];
  assertEquals(overall([good, unknown]), "ok");
  assertEquals(overall([odd, good]), "warn");
  assertEquals(overall([odd, bad, good]), "fail");
});

Deno.test("a certificate's life is told, and how far a clock is outside of it", () => {
  const at = (days: number) => certificateCheck(LIFE, FROM + days * DAY);
  assertEquals(["ok", "ok", "warn"], [at(1).verdict, at(20).verdict, at(20.5).verdict]);
  assertEquals([at(31).verdict, at(-3).verdict], ["fail", "fail"]);
  assertStringIncludes(
    at(31).reason,
    "expired at 2026-01-31T00:00:00.000Z; this machine's clock says 2026-02-01",
  );
  assertStringIncludes(at(31).reason, "24 hours later");
  assertStringIncludes(at(-3).reason, "3 days too early");
  assertEquals(certificateCheck(undefined, FROM).verdict, "skipped");
});

Deno.test("a clock is good to a minute, and useless from a day on", () => {
  const verdicts = [0, -MINUTE, MINUTE + 1, -DAY, DAY + 1].map((offsetMs) =>
    clockCheck({ offsetMs }).verdict
  );
  assertEquals(verdicts, ["ok", "ok", "warn", "warn", "fail"]);
  assertStringIncludes(clockCheck({ offsetMs: 2 * HOUR }).reason, "2 hours behind the platform");
  assertEquals(clockCheck(undefined).verdict, "skipped");
  const details = { facts: { clockOffsetBoundMs: 39 * DAY }, remedy: "Set it." };
  const error = new SallyportError("platform.not-trusted", "the clock is behind by 39 days or more", details);
  assertEquals([clockCheck({ error }).verdict, tlsCheck(undefined, { error }).remedy], ["fail", "Set it."]);
});

Deno.test("records that wait for long are told with their age, and a spool that fills up with its share", () => {
  const waiting = (age: number, quotaUsed = 0.49) =>
    spoolCheck([{ channel: "runs", waiting: 3, gaps: 0, bytes: 9, quotaUsed, oldest: FROM - age }], FROM);
  assertEquals([spoolCheck([], FROM).verdict, waiting(MINUTE).verdict], ["ok", "ok"]);
  const old = waiting(3 * HOUR);
  assertEquals([old.verdict, old.reason], ["warn", "3 records wait to be sent, the oldest for 3 hours"]);
  const full = waiting(MINUTE, 0.5);
  assertEquals(full.verdict, "warn");
  assertStringIncludes(full.reason, "runs takes 50 % of the room");
});

Deno.test("a connection that is gone is told with its reason", () => {
  const facts = { state: "disconnected", since: FROM, reason: "platform.refused: revoked" };
  assertStringIncludes(
    connectionCheck(facts, FROM + HOUR).reason,
    "for 60 minutes: platform.refused: revoked",
  );
  assertEquals(connectionCheck({ ...facts, state: "connected", reason: "" }, FROM).verdict, "ok");
  assertEquals(connectionCheck(undefined, FROM).verdict, "skipped");
});

Deno.test("without a direct way, a connection that stands shows the proxy; one that it refuses names it", () => {
  const noWay = { reached: false, at: "name", reason: "no such name" } as const;
  const through = { offsetMs: 3 };
  assertEquals(routeChecks("p:1", noWay, through).map(({ verdict }) => verdict), ["skipped", "skipped"]);
  assertEquals(proxyCheck(noWay, through).verdict, "ok");
  assertEquals(tlsCheck(undefined, through).verdict, "ok");
  assertEquals(routeChecks("p:1", noWay, undefined).map(({ verdict }) => verdict), ["fail", "skipped"]);
  assertEquals(proxyCheck(noWay, undefined).verdict, "skipped");

  const details = { facts: { proxy: true }, remedy: "look at it" };
  const refused = {
    error: new SallyportError("platform.unreachable", "the proxy does not connect", details),
  };
  assertEquals(proxyCheck(noWay, refused).verdict, "fail");
  assertEquals(routeChecks("p:1", noWay, refused).map(({ verdict }) => verdict), ["skipped", "skipped"]);
  assertEquals(proofCheck(refused).verdict, "fail");
});

Deno.test("work that hangs ends with its time", async () => {
  const clock = new TestClock();
  let stopped = false;
  const hanging = withinTime(clock, 5_000, (signal) => {
    signal.onabort = () => stopped = true;
    return new Promise(() => {});
  });
  const ended = assertRejects(() => hanging, Error, "within 5 s");
  await clock.advance(5_000);
  await ended;
  assertEquals([stopped, inWords(-90_000), inWords(200 * MINUTE)], [true, "90 s", "3 hours"]);
});

Deno.test("a policy that cannot be used is a failure, named by its line", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/policy.yaml`;
  const check = () => checkPolicy(new TestClock(), file);
  assertStringIncludes((await check()).reason, "the default holds");
  await Deno.writeTextFile(file, "tracking: deny\n");
  assertEquals((await check()).verdict, "ok");
  await Deno.writeTextFile(file, "tracking: deny\nlogs: maybe\nerrors: perhaps\n");
  const { verdict, reason, remedy } = await check();
  assertEquals(verdict, "fail");
  assertStringIncludes(reason, "policy.yaml:2:1: logs");
  assertStringIncludes(reason, "and 1 more");
  assertStringIncludes(remedy!, "sallyport policy check");
});
