/**
 * From the end of an agent to "offline" on the platform: killed, and asked to stop. Beside it, how long the
 * platform's API takes to answer at all.
 *
 *   deno run -A scripts/bench/offline.ts [--runs 20] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { eventually, Fleet } from "../../tests/support/fleet.ts";
import { EventReader } from "../../tests/platform/stream.ts";
import type { Figure } from "./lib.ts";
import { median, print } from "./lib.ts";

const runs = Number(parseArgs(Deno.args, { string: ["runs"] }).runs ?? 20);
const figures: Figure[] = [];
{
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const asked = performance.now();
  for (let i = 0; i < runs; i++) await fleet.agentView();
  const answerMs = Math.round((performance.now() - asked) / runs / 2 * 10) / 10;
  const beside = `${answerMs} ms: one answer of the platform's API`;
  for (const [signal, reason] of [["SIGKILL", "connection lost"], ["SIGTERM", "stopped"]] as const) {
    const times: number[] = [];
    for (let i = 0; i < runs; i++) times.push(await toOffline(fleet, signal, reason));
    const what = `${signal} of the agent to "offline: ${reason}"`;
    figures.push(
      { what: `${what}, median`, value: tenth(median(times)), unit: "ms", goal: "< 2000", beside },
      { what: `${what}, longest of ${runs}`, value: tenth(Math.max(...times)), unit: "ms", goal: "< 2000" },
    );
  }
}
print(`Time to offline, ${runs} runs each`, figures);
Deno.exit(0);

/** One agent from its start to its end; the event stream says when the platform knew. */
async function toOffline(fleet: Fleet, signal: Deno.Signal, reason: string): Promise<number> {
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  using client = Deno.createHttpClient({ caCerts: [fleet.platform.ca] });
  await using reader = await EventReader.open({ platform: fleet.platform, client, token: fleet.token });
  const from = performance.now();
  agent.child.kill(signal);
  const { data } = await reader.until(({ type, data }) => type === "agent" && data.state === "offline");
  const took = performance.now() - from;
  if (data.reason !== reason) throw new Error(`offline: ${data.reason}, and not ${reason}`);
  await agent.stop(signal);
  return took;
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10;
}
