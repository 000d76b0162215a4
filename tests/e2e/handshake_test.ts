import { assertEquals, assertMatch } from "@std/assert";
import type { LogLine } from "../../scripts/lib/agent_process.ts";
import { checkArrivals, ONE_BY_ONE, runFiles, untilActive } from "../support/arrivals.ts";
import { eventually } from "../support/fleet.ts";
import type { Fault } from "../support/relay.ts";
import { relayedFleet } from "../support/relay.ts";

const notConnected = ({ message }: LogLine) => message === "not connected";

/** Lets an agent try until it says why it cannot connect, and then until it can. */
async function tryThrough(fault: Fault, reason: RegExp): Promise<void> {
  await using test = await relayedFleet(1);
  const { relay, fleet } = test;
  relay.fault = fault;
  const agent = fleet.startAgent();
  const line = await agent.line(notConnected);
  assertEquals(line.code, "platform.unreachable");
  assertMatch(String(line.reason), reason);
  relay.fault = undefined;
  await agent.connected();
  await eventually(() => relay.connections, (connections) => connections === 1);
}

Deno.test("a connection that is reset in the handshake is tried again until it stands", async () => {
  await tryThrough("reset at once", /cannot be reached/);
  await tryThrough("reset in the handshake", /cannot be reached/);
});

Deno.test("a server that says nothing, or one byte a second, is given up after 20 s and tried again", async () => {
  await Promise.all([tryThrough("silence", /within 20 s/), tryThrough("one byte a second", /within 20 s/)]);
});

Deno.test("a platform that vanishes without a word is given up after two heartbeats", async () => {
  await using test = await relayedFleet(1);
  const { relay, fleet } = test;
  await fleet.api.publish("copy", ONE_BY_ONE);
  const agent = fleet.startAgent();
  await agent.connected();
  await untilActive(fleet);
  await runFiles(fleet, ["before"]);
  const from = agent.lines.length;
  relay.vanish();
  await runFiles(fleet, ["during"]);
  assertMatch(String((await agent.line(notConnected, from)).reason), /has not answered for \d+ s/);
  await agent.connected(from);
  await runFiles(fleet, ["after"]);
  await checkArrivals(fleet, 3);
});
