/**
 * Many agents on one platform: what they cost it when nothing happens, and what happens when it is killed and
 * started again. The agents are simulated by the agent's own uplink in this process; the platform is another.
 *
 *   deno run -A scripts/bench/storm.ts [--agents 2000] [--idle 60] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import type { UplinkIdentity } from "../../src/uplink/uplink.ts";
import { systemClock } from "../../src/base/clock.ts";
import { webSocketOpener } from "../../src/uplink/socket.ts";
import type { Summary } from "../../tests/support/fleet.ts";
import { freePort } from "../../tests/support/fleet.ts";
import { Crowd, enrolCrowd } from "../lib/crowd.ts";
import { ROOT } from "../lib/permissions.ts";
import type { PlatformClient } from "../lib/platform_client.ts";
import { firstLine, PlatformProcess, spawnWithDescriptors } from "../lib/platform_process.ts";
import { cpuSecondsOf, memoryOf, pause, percentile, print } from "./lib.ts";

const options = parseArgs(Deno.args, { string: ["agents", "idle"] });
const count = Number(options.agents ?? 2_000);
const idleSeconds = Number(options.idle ?? 60);
/** How long the platform is away: enough for everybody to have noticed. */
const AWAY_MS = 3_000;
/** Nobody who is not back by then comes back. */
const PATIENCE_MS = 180_000;

const dataDir = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const port = await freePort();
const platform = new PlatformProcess({ dataDir, port, connections: count });
const identities = await enrolCrowd(dataDir, platform.authority, count);
await platform.start();
const api = await platform.client();
const empty = { ...await memoryOf(platform.pid), summary: await latencies(api, 50) };

console.error(`${count} agents connect ...`);
const crowd = new Crowd(identities);
const connecting = await untilAllAreBack(performance.now());
await pause(10_000); // what the crowd left behind is collected
const idleFrom = await cpuSecondsOf(platform.pid);
await pause(idleSeconds * 1_000);
const idleCpu = (await cpuSecondsOf(platform.pid) - idleFrom) / idleSeconds * 100;
const full = { ...await memoryOf(platform.pid), summary: await latencies(api, 50) };

console.error("The platform is killed ...");
crowd.failures.clear();
await platform.kill();
await pause(AWAY_MS);
crowd.arrivals.length = 0;
await platform.start();
const from = performance.now();
const storm = await untilAllAreBack(from);
const stormCpu = await cpuSecondsOf(platform.pid);
const arrivals = crowd.arrivals.map((at) => at - from);
const refused = [...crowd.failures].filter(([code]) => code !== "platform.unreachable");
await platform.kill();
const bare = await bareServer(identities);

const perAgent = (kib: number) => Math.round(kib * 1024 / count * 10) / 10;
const ours = perAgent(full.rss - empty.rss);
print(`${count} agents on one platform`, [
  { what: "resident memory, no agents", value: empty.rss, unit: "MiB" },
  { what: "resident memory, all connected", value: full.rss, unit: "MiB" },
  {
    what: "resident memory per agent",
    value: ours,
    unit: "KiB",
    beside: `${(ours / perAgent(bare.mib)).toFixed(1)} x a bare WebSocket over TLS (${
      perAgent(bare.mib)
    } KiB)`,
  },
  { what: "processor, all connected, heartbeats every 30 s", value: tenth(idleCpu), unit: "% of one" },
  { what: "first connection of all", value: connecting.ms, unit: "ms", beside: beside(bare.connectMs) },
  { what: "all back after the restart", value: storm.ms, unit: "ms" },
  { what: "not back", value: count - arrivals.length, unit: "agents", goal: "0" },
  {
    what: "refused with another reason than no connection",
    value: refused.reduce((sum, [, n]) => sum + n, 0),
    unit: "tries",
    goal: "0",
  },
  { what: "half are back after", value: Math.round(percentile(arrivals, 0.5)), unit: "ms" },
  { what: "most that came within one second", value: mostInOneSecond(arrivals), unit: "agents" },
  { what: "processor time of the platform for the storm", value: tenth(stormCpu), unit: "s" },
  {
    what: "GET /summary during the storm, median",
    value: tenth(percentile(storm.summary, 0.5)),
    unit: "ms",
    beside: `${tenth(percentile(empty.summary, 0.5))} ms with no agents, ${
      tenth(percentile(full.summary, 0.5))
    } ms with all, idle`,
  },
  {
    what: "GET /summary during the storm, 99th percentile",
    value: tenth(percentile(storm.summary, 0.99)),
    unit: "ms",
    beside: `${storm.summary.length} requests`,
  },
]);
await crowd[Symbol.asyncDispose]();
await Deno.remove(dataDir, { recursive: true });
Deno.exit(0);

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

function beside(ms: number): string {
  return `${(connecting.ms / ms).toFixed(1)} x the bare server (${ms} ms)`;
}

/** Asks for the summary ten times a second until all agents are online. */
async function untilAllAreBack(from: number): Promise<{ ms: number; summary: number[] }> {
  const summary: number[] = [];
  for (let online = 0; online < count && performance.now() - from < PATIENCE_MS;) {
    const asked = performance.now();
    ({ agents: { online } } = await api.get<Summary>("/summary"));
    summary.push(performance.now() - asked);
    await pause(100);
  }
  return { ms: Math.round(performance.now() - from), summary };
}

async function latencies(client: PlatformClient, times: number): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const asked = performance.now();
    await client.get("/summary");
    taken.push(performance.now() - asked);
    await pause(20);
  }
  return taken;
}

function mostInOneSecond(times: readonly number[]): number {
  const seconds = new Map<number, number>();
  for (const ms of times) seconds.set(Math.floor(ms / 1_000), (seconds.get(Math.floor(ms / 1_000)) ?? 0) + 1);
  return Math.max(0, ...seconds.values());
}

/** The same connections to a server that does nothing with them. */
async function bareServer(agents: readonly UplinkIdentity[]): Promise<{ mib: number; connectMs: number }> {
  const script = `${ROOT}/scripts/lib/bare_server.ts`;
  const args = ["run", "-A", "--quiet", "--no-check", script, dataDir, String(await freePort())];
  const child = spawnWithDescriptors(count + 1_000, Deno.execPath(), args);
  await firstLine(child);
  const { rss } = await memoryOf(child.pid);
  const began = performance.now();
  const open = webSocketOpener(systemClock);
  const { signal } = new AbortController();
  const authority = `127.0.0.1:${args.at(-1)}`;
  const sockets = [];
  for (let at = 0; at < agents.length; at += 100) {
    sockets.push(
      ...await Promise.all(
        agents.slice(at, at + 100).map(({ ca, certificate, key }) =>
          open({ authority, path: "/v1/opamp", ca, certificate, key, challenge: undefined }, signal)
        ),
      ),
    );
  }
  const connectMs = Math.round(performance.now() - began);
  await pause(10_000);
  const mib = (await memoryOf(child.pid)).rss - rss;
  child.kill("SIGKILL");
  await child.status;
  return { mib, connectMs };
}
