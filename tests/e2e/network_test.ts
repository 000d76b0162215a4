import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import type { LogLine } from "../../scripts/lib/agent_process.ts";
import { EventReader } from "../platform/stream.ts";
import { checkArrivals, ONE_BY_ONE, runFiles, untilActive } from "../support/arrivals.ts";
import { eventually } from "../support/fleet.ts";
import { NameServer } from "../support/name_server.ts";
import { fleetBehind, Network, whyNoNetwork } from "../support/network.ts";

const skipReason = await whyNoNetwork();
if (skipReason) console.log(`bad networks are not tested: ${skipReason}`);
const ignore = skipReason !== undefined;

const HEARTBEAT_MS = 1_000;
const NAME = "platform.test";

const notConnected = ({ message }: LogLine) => message === "not connected";

for (
  const [what, conditions] of [
    ["loses every fifth packet", { loss: 0.2 }],
    ["needs half a second each way", { delayMs: 500 }],
  ] as const
) {
  Deno.test({
    name: `behind a network that ${what} an agent enrols, takes a process and tells of each run once`,
    ignore,
  }, async () => {
    await using network = await Network.open();
    await using fleet = await fleetBehind(network, HEARTBEAT_MS / 1_000);
    await network.become(conditions);
    await fleet.enrol();
    await fleet.startAgent().connected();
    await fleet.api.publish("copy", ONE_BY_ONE);
    await untilActive(fleet);
    await runFiles(fleet, ["a", "b", "c", "d", "e"]);
    await checkArrivals(fleet, 5);
    // And in all that time not one packet of the agent went to anybody else.
    assertEquals((await network.carried()).destinations, [`tcp ${fleet.authority}`]);
  });
}

Deno.test({
  name: "a network that begins to swallow everything is noticed at both ends, and forgotten when it is back",
  ignore,
}, async () => {
  await using network = await Network.open();
  await using fleet = await fleetBehind(network, HEARTBEAT_MS / 1_000);
  await fleet.enrol();
  await fleet.api.publish("copy", ONE_BY_ONE);
  const agent = fleet.startAgent();
  await agent.connected();
  await untilActive(fleet);
  await runFiles(fleet, ["before"]);

  using client = Deno.createHttpClient({ caCerts: [fleet.platform.ca] });
  await using reader = await EventReader.open({ platform: fleet.platform, client, token: fleet.token });
  const line = agent.lines.length;
  await network.become({ loss: 1 });
  const from = performance.now();
  const told: string[] = [];
  while (!told.at(-1)?.startsWith("offline")) {
    const { data } = await reader.until(({ type }) => type === "agent");
    told.push(`${data.state}: ${data.reason}`);
  }
  assertEquals(told.slice(-2), ["suspect: heartbeat overdue", "offline: heartbeats missing"]);
  const tookMs = performance.now() - from;
  assert(tookMs < 2.5 * HEARTBEAT_MS + 2_000, `${tookMs} ms`);
  assertMatch(String((await agent.line(notConnected, line)).reason), /has not answered for \d+ s/);
  await runFiles(fleet, ["during"]);

  await network.become({ loss: 0 });
  await agent.connected(line);
  await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  await runFiles(fleet, ["after"]);
  await checkArrivals(fleet, 3);
});

Deno.test(
  { name: "a platform whose name is not found is tried until it is, and the name is told", ignore },
  async () => {
    await using network = await Network.open();
    await using names = await NameServer.start(network.near, network.near);
    await using fleet = await fleetBehind(network, HEARTBEAT_MS / 1_000, NAME);
    const bundle = await fleet.api.bundle();
    for (const says of ["server failure", "no such name", "nothing"] as const) {
      names.says = says;
      const { code, stdout } = await fleet.run(["enroll", bundle, "--json"]);
      const { error } = JSON.parse(stdout);
      assertEquals([code, error.code], [EXIT.unreachable, "platform.unreachable"]);
      assertStringIncludes(error.message, NAME);
      assertMatch(error.message, /dns|name/i);
    }
    names.says = "no error";
    await fleet.enrol();

    names.says = "server failure";
    const agent = fleet.startAgent();
    for (let tries = 0, line = 0; tries < 2; tries++) {
      const { code, reason } = await agent.line(notConnected, line);
      assertEquals(code, "platform.unreachable");
      assertStringIncludes(String(reason), NAME);
      line = agent.lines.length;
    }
    names.says = "no error";
    await agent.connected();
  },
);
