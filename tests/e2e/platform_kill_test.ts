import { assertEquals } from "@std/assert";
import { checkArrivals, ONE_BY_ONE, runFiles, untilActive } from "../support/arrivals.ts";
import type { Summary } from "../support/fleet.ts";
import { eventually, Fleet } from "../support/fleet.ts";

const KILLS = 2;

const records = async (fleet: Fleet) => (await fleet.api.get<Summary>("/summary")).records;

/** Asks how the agent is shown until it is online: whoever asks after it has connected is told nothing else. */
async function untilOnline(fleet: Fleet, connected: Promise<number>): Promise<void> {
  let isConnected = false;
  connected.then(() => isConnected = true);
  const ask = async () => {
    const wasConnected = isConnected;
    const { state, reason } = await fleet.agentView();
    if (state !== "online") assertEquals([state, reason], ["offline", "platform restarted"]);
    return { state, wasConnected };
  };
  const { state } = await eventually(ask, ({ state, wasConnected }) => state === "online" || wasConnected);
  assertEquals(state, "online");
}

Deno.test("killed and started again while records flow, the platform has each once, and shows nobody wrongly", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", ONE_BY_ONE);
  await using platform = await fleet.platformProcess(1);
  const agent = fleet.startAgent();
  await agent.connected();
  await untilActive(fleet);

  let files = 0;
  let isFlowing = true;
  const flow = (async () => {
    while (isFlowing) await runFiles(fleet, [`f${files++}`]);
  })();
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const before = await records(fleet);
      await eventually(() => records(fleet), (now) => now > before + 3);
      const line = agent.lines.length;
      await platform.kill();
      await platform.start();
      await untilOnline(fleet, agent.connected(line));
    }
  } finally {
    isFlowing = false;
    await flow;
  }
  await checkArrivals(fleet, files);
});
