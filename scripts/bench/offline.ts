/**
 * From the end of an agent to "offline" on the platform, for every cause; and how long a platform that was killed
 * and started again shows an agent wrongly. Beside it, how long the platform's API takes to answer at all.
 *
 *   deno run -A scripts/bench/offline.ts [--runs 20] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { startPlatform } from "../../src/platform/platform.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { EventReader } from "../../tests/platform/stream.ts";
import { eventually, Fleet, freePort } from "../../tests/support/fleet.ts";
import { fleetBehind, Network, whyNoNetwork } from "../../tests/support/network.ts";
import type { RunningAgent } from "../lib/agent_process.ts";
import { enrolCrowd, simulatedAgent } from "../lib/crowd.ts";
import type { Figure } from "./lib.ts";
import { median, print } from "./lib.ts";

/** Short enough for many runs, where the interval is what decides. */
const HEARTBEAT_SECONDS = 2;
/** Long enough for all to connect. */
const LIFE_MS = 10_000;

const runs = Number(parseArgs(Deno.args, { string: ["runs"] }).runs ?? 20);
const figures: Figure[] = [];
const answerMs = await apiAnswer();
await add('SIGKILL of the agent to "connection lost"', () => killed("SIGKILL", "connection lost"));
await add('SIGTERM of the agent to "stopped"', () => killed("SIGTERM", "stopped"));
await add('revoked by the API to "revoked"', revoked);
await add('end of the certificate to "certificate expired"', expired);
const noNetwork = await whyNoNetwork();
if (noNetwork) console.error(`A network that swallows everything is left out: ${noNetwork}`);
else {
  const inHeartbeats = (times: number[]) => times.map((ms) => ms / 1_000 / HEARTBEAT_SECONDS);
  const times = inHeartbeats(await swallowed());
  const what = 'a network swallows everything to "heartbeats missing"';
  const [unit, goal] = ["heartbeats", "2.5, then told"];
  figures.push({ what: `${what}, median`, value: rounded(median(times)), unit, goal });
  figures.push({ what: `${what}, longest of ${runs}`, value: rounded(Math.max(...times)), unit, goal });
}
await add("killed platform is back: agent connected to shown as online", restarted, "< 30000, a heartbeat");
print(`Time to offline, ${runs} runs each`, figures);
Deno.exit(0);

async function add(what: string, measure: () => Promise<number[]>, goal = "< 2000"): Promise<void> {
  console.error(`${what} ...`);
  const times = await measure();
  const beside = `${answerMs} ms: one answer of the platform's API`;
  figures.push({ what: `${what}, median`, value: rounded(median(times)), unit: "ms", goal, beside });
  figures.push({ what: `${what}, longest of ${runs}`, value: rounded(Math.max(...times)), unit: "ms", goal });
}

async function apiAnswer(): Promise<number> {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.agentView();
  const from = performance.now();
  for (let i = 0; i < runs; i++) await fleet.agentView(); // which asks twice
  return rounded((performance.now() - from) / runs / 2);
}

/** One agent from its start to a signal, again and again. */
async function killed(signal: Deno.Signal, reason: string): Promise<number[]> {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  return await repeat(async () => {
    const agent = await onlineAgent(fleet);
    const took = await untilOffline(fleet, reason, () => agent.child.kill(signal));
    await agent.stop(signal);
    return took;
  });
}

/** A revoked agent stays revoked, so each is another one. */
async function revoked(): Promise<number[]> {
  return await repeat(async () => {
    await using fleet = await Fleet.start();
    await fleet.enrol();
    await onlineAgent(fleet);
    const { id } = await fleet.agentView();
    return await untilOffline(fleet, "revoked", () => fleet.api.call("POST", `/agents/${id}/revoke`));
  });
}

/** The agent renews its certificate in time, so these are its uplinks without that, all at once. */
async function expired(): Promise<number[]> {
  const [dataDir, port] = [await Deno.makeTempDir({ prefix: "sallyport-bench-" }), await freePort()];
  const identities = await enrolCrowd(dataDir, `127.0.0.1:${port}`, runs, LIFE_MS);
  const listen = { host: "127.0.0.1", port };
  const options = { dataDir, listen, clock: systemClock, log: silentLog, heartbeatSeconds: 30 };
  const platform = await startPlatform(options);
  const stopping = new AbortController();
  using client = Deno.createHttpClient({ caCerts: [platform.ca] });
  const times: number[] = [];
  {
    await using reader = await EventReader.open({ platform, client, token: platform.firstToken! });
    const uplinks = identities.map((identity) => simulatedAgent(identity, { ready() {} }));
    const running = Promise.all(uplinks.map((uplink) => uplink.run(stopping.signal)));
    const ends = new Map(
      identities.map(({ instanceUid, certificate }) => [instanceUid, readCertificate(certificate).notAfter]),
    );
    while (times.length < runs) {
      const { data } = await reader.until(({ type, data }) => type === "agent" && data.state === "offline");
      const end = ends.get(data.id!);
      if (data.reason !== "certificate expired" || !ends.delete(data.id!)) continue;
      times.push(systemClock.now() - end!);
    }
    stopping.abort();
    await running;
  }
  await platform.close();
  await Deno.remove(dataDir, { recursive: true });
  return times;
}

/** A new agent each time: one that was cut off again and again waits longer and longer between its tries. */
async function swallowed(): Promise<number[]> {
  await using network = await Network.open();
  await using fleet = await fleetBehind(network, HEARTBEAT_SECONDS);
  await fleet.enrol();
  return await repeat(async () => {
    const agent = await onlineAgent(fleet);
    const took = await untilOffline(fleet, "heartbeats missing", () => network.become({ loss: 1 }));
    await agent.stop("SIGKILL");
    await network.become({ loss: 0 });
    return took;
  });
}

/** How much later than by the agent's own log the platform shows it as online. */
async function restarted(): Promise<number[]> {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await using platform = await fleet.platformProcess(30);
  return await repeat(async () => {
    const agent = await onlineAgent(fleet);
    const line = agent.lines.length;
    await platform.kill();
    await platform.start();
    let connectedAt = Infinity;
    const connected = agent.connected(line).then(() => connectedAt = performance.now());
    await eventually(() => fleet.agentView(), ({ state, reason }) => {
      if (state === "offline" && reason !== "platform restarted") throw new Error(`offline: ${reason}`);
      return state === "online";
    });
    const shownAt = performance.now();
    await connected;
    await agent.stop();
    return Math.max(0, shownAt - connectedAt);
  });
}

async function repeat(measure: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await measure());
  return times;
}

/** A started agent that is shown as online. */
async function onlineAgent(fleet: Fleet): Promise<RunningAgent> {
  const agent = fleet.startAgent();
  await agent.connected();
  await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  return agent;
}

/** The milliseconds from an act to the event that says that the agent is offline, for the reason that is due. */
async function untilOffline(fleet: Fleet, reason: string, act: () => unknown): Promise<number> {
  using client = Deno.createHttpClient({ caCerts: [fleet.platform.ca] });
  await using reader = await EventReader.open({ platform: fleet.platform, client, token: fleet.token });
  const from = performance.now();
  const acting = act();
  const { data } = await reader.until(({ type, data }) => type === "agent" && data.state === "offline");
  const took = performance.now() - from;
  await acting;
  if (data.reason !== reason) throw new Error(`offline: ${data.reason}, and not ${reason}`);
  return took;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
