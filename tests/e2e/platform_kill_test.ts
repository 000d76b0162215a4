import { assert, assertEquals } from "@std/assert";
import { checkArrivals, ONE_BY_ONE, runFiles, untilActive } from "../support/arrivals.ts";
import type { Summary } from "../support/fleet.ts";
import { eventually, Fleet } from "../support/fleet.ts";

const HEARTBEAT_MS = 1_000;
const KILLS = 2;

const records = async (fleet: Fleet) => (await fleet.api.get<Summary>("/summary")).records;

/** Asks how the agent is shown until it is online; gives how long that was too late, in milliseconds. */
async function untilOnline(fleet: Fleet, connected: Promise<number>): Promise<number> {
  let connectedAt = Infinity;
  connected.then(() => connectedAt = performance.now());
  await eventually(() => fleet.agentView(), ({ state, reason }) => {
    if (state !== "online") assertEquals([state, reason], ["offline", "platform restarted"]);
    return state === "online";
  });
  return performance.now() - connectedAt;
}

Deno.test("killed and started again while records flow, the platform has each once, and shows nobody wrongly", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", ONE_BY_ONE);
  await using platform = await fleet.platformProcess(HEARTBEAT_MS / 1_000);
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
      const lateMs = await untilOnline(fleet, agent.connected(line));
      assert(lateMs < HEARTBEAT_MS, `${lateMs} ms`);
    }
  } finally {
    isFlowing = false;
    await flow;
  }
  await checkArrivals(fleet, files);
});
