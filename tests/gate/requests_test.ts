import { assertEquals, assertStringIncludes } from "@std/assert";
import type { OnDemandOptions, PolicyOptions } from "../../src/gate/policy/options.ts";
import { haltedPolicy } from "../../src/gate/policy/policy.ts";
import { judgeRequest } from "../../src/gate/requests.ts";
import { policyWith, QUIET, spent } from "./support.ts";

const judge = (logs: Partial<OnDemandOptions>, circumstances = QUIET) =>
  judgeRequest({ class: "logs", requester: "ada@example.com" }, policyWith({ logs }), circumstances);

Deno.test("a request is allowed, refused, or held until somebody approves it", () => {
  assertEquals(judge({}).verdict, "allow");
  assertEquals(judge({ send: "deny" }).verdict, "drop");
  assertEquals(judge({ send: "ask" }).verdict, "hold");
  const request = { class: "logs", requester: "ada" } as const;
  assertEquals(judgeRequest(request, haltedPolicy("broken"), QUIET), { verdict: "drop", reason: "broken" });
});

Deno.test("a request comes from somebody who may ask, and at a time at which it is answered", () => {
  assertEquals(judge({ requesters: ["*@example.com"] }).verdict, "allow");
  assertEquals(judge({ requesters: ["grace@*", "ada@example.org"] }).verdict, "drop");
  assertEquals(judge({ requesters: [] }).verdict, "drop");

  const hours = { from: "09:00", to: "12:30", days: ["thu", "fri"], timezone: "UTC" } as const;
  assertEquals(judge({ hours }).verdict, "allow");
  assertEquals(judge({ hours: { ...hours, days: ["fri"] } }).verdict, "drop");
  // Noon in UTC is 13:00 in Berlin, and the first minute after the end is too late.
  assertEquals(judge({ hours: { ...hours, timezone: "Europe/Berlin" } }).verdict, "drop");
  assertEquals(judge({ hours: { ...hours, to: "12:00" } }).verdict, "drop");
  assertEquals(judge({ hours: { ...hours, from: "12:00", to: "24:00" } }).verdict, "allow");
});

Deno.test("a request beyond the day's budget is refused, also one that would have been asked about", () => {
  const used = spent({ logs: 64 * 1024 * 1024 });
  assertStringIncludes(judge({}, used).reason!, "64 MiB a day");
  assertEquals(judge({ send: "ask" }, used).verdict, "drop");
});

Deno.test("production data needs the policy, an end that has not come, and the process itself", () => {
  const open = { send: "allow", until: "2026-01-01T23:59:59Z" } as const;
  const data = (
    options: Partial<PolicyOptions["data"]>,
    name = "orders",
    allowsData = true,
    now = QUIET.now,
  ) =>
    judgeRequest(
      { class: "data", requester: "ada", process: { name, allowsData } },
      policyWith({ data: options }),
      { ...QUIET, now },
    );
  assertStringIncludes(data({}).reason!, "denies the class data");
  assertEquals(data(open).verdict, "allow");
  assertEquals(data({ ...open, send: "ask" }).verdict, "hold");
  assertStringIncludes(data(open, "orders", true, QUIET.now + 86_400_000).reason!, "has passed");
  assertStringIncludes(data({ ...open, processes: ["invoices-*"] }).reason!, "other processes");
  assertStringIncludes(data(open, "orders", false).reason!, "does not allow it itself");
  const without = judgeRequest({ class: "data", requester: "ada" }, policyWith({ data: open }), QUIET);
  assertEquals(without.verdict, "drop");
});
