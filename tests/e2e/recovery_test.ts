import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { loadIdentity } from "../../src/identity/identity.ts";
import { eventually, Fleet } from "../support/fleet.ts";

Deno.test("an agent that was away until its certificate expired is told to wait, and goes on once it is approved", async () => {
  await using fleet = await Fleet.start();
  await fleet.stopPlatform();
  await fleet.startPlatform({ certificateLifeMs: 2_000 });
  await fleet.enrol();
  await fleet.stopPlatform();
  await fleet.startPlatform();
  const { certificate, certificateFacts } = await loadIdentity(`${fleet.home}/state`);
  await eventually(() => Date.now(), (now) => now > certificateFacts.notAfter + 1_000);

  const waiting = fleet.startAgent();
  const { reason } = await waiting.line(({ message }) => message === "not connected");
  assertMatch(String(reason), /waiting for approval/);
  await waiting.stop();
  await fleet.api.call("POST", `/agents/${(await fleet.agentView()).id}/approve-recovery`);

  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "the certificate was renewed");
  await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  const now = await loadIdentity(`${fleet.home}/state`);
  assertNotEquals(now.certificate, certificate);
  assertEquals(await agent.stop(), 0);
});
