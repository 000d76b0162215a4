import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { loadIdentity } from "../../src/identity/identity.ts";
import { eventually, Fleet } from "../support/fleet.ts";

Deno.test("an agent that was away until its certificate expired is told to wait, and goes on by itself once it is approved", async () => {
  await using fleet = await Fleet.start();
  await fleet.stopPlatform();
  await fleet.startPlatform({ certificateLifeMs: 2_000 });
  await fleet.enrol();
  await fleet.stopPlatform();
  await fleet.startPlatform();
  const { certificate, certificateFacts } = await loadIdentity(`${fleet.home}/state`);
  await eventually(() => Date.now(), (now) => now > certificateFacts.notAfter + 1_000);

  const agent = fleet.startAgent();
  const { reason, retryInMs } = await agent.line(({ message }) => message === "not connected");
  assertMatch(String(reason), /waiting for approval/);
  assert(Number(retryInMs) <= 40_000, `it asks again only after ${retryInMs} ms`);
  const { id, recovery } = await eventually(
    () => fleet.agentView(),
    ({ recovery }) => recovery !== undefined,
  );
  assertEquals(recovery?.state, "waiting");
  await fleet.api.call("POST", `/agents/${id}/approve-recovery`);

  await agent.line(({ message }) => message === "the certificate was renewed");
  const view = await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  assertEquals(view.recovery, undefined);
  const now = await loadIdentity(`${fleet.home}/state`);
  assertNotEquals(now.certificate, certificate);
  assertEquals(await agent.stop(), 0);
});
