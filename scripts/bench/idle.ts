/**
 * What an idle agent costs on the wire: a real agent and a real platform, every byte of both directions counted by a
 * relay between them, TLS included; and, where the machine has network namespaces, every packet with its headers.
 * Beside it a bare WebSocket over mutual TLS that does nothing but ping and pong.
 *
 * Nobody has to wait for an hour: what is sent does not depend on the time between two heartbeats, so 120 of them
 * with a second between are those of an hour with 30 seconds between.
 *
 *   deno run -A scripts/bench/idle.ts [--heartbeats 120] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../../src/base/clock.ts";
import { webSocketOpener } from "../../src/uplink/socket.ts";
import { enrolCrowd } from "../lib/crowd.ts";
import { ROOT } from "../lib/permissions.ts";
import { firstLine } from "../lib/platform_process.ts";
import { freePort } from "../../tests/support/fleet.ts";
import { fleetBehind, Network, whyNoNetwork } from "../../tests/support/network.ts";
import { Relay, relayedFleet } from "../../tests/support/relay.ts";
import type { Figure } from "./lib.ts";
import { pause, print } from "./lib.ts";

/** With a heartbeat each 30 s. */
const HEARTBEATS_AN_HOUR = 120;
const HEARTBEAT_MS = 1_000;
const POLL_MS = 100;

const heartbeats = Number(parseArgs(Deno.args, { string: ["heartbeats"] }).heartbeats ?? HEARTBEATS_AN_HOUR);

/** Bytes so far, from the agent and to it. */
interface Bytes {
  up: number;
  down: number;
}

const noNetwork = await whyNoNetwork();
if (noNetwork) console.error(`Packets are not counted: ${noNetwork}`);
const [agent, bare, packets] = await Promise.all([
  ofAgent(),
  ofBareWebSocket(),
  noNetwork ? undefined : ofPackets(),
]);
const kib = ({ up, down }: Bytes) =>
  Math.round((up + down) / heartbeats * HEARTBEATS_AN_HOUR / 1_024 * 100) / 100;
const each = (bytes: number) => Math.round(bytes / heartbeats * 10) / 10;
const figures: Figure[] = [
  {
    what: "TLS, both directions",
    value: kib(agent),
    unit: "KiB an hour",
    goal: "< 12",
    beside: `${(kib(agent) / kib(bare)).toFixed(2)} x ping and pong of a bare WebSocket (${kib(bare)} KiB)`,
  },
  { what: "a heartbeat", value: each(agent.up), unit: "bytes" },
  { what: "its answer", value: each(agent.down), unit: "bytes" },
];
if (packets) {
  figures.push({
    what: "with the headers of TCP and IP",
    value: kib(packets),
    unit: "KiB an hour",
    beside: `${each(packets.up + packets.down)} bytes a heartbeat, with its answer and acknowledgements`,
  });
}
print(`Idle agent, ${heartbeats} heartbeats, as of an hour with one every 30 s`, figures);
Deno.exit(0);

/** A real agent behind a relay. */
async function ofAgent(): Promise<Bytes> {
  await using test = await relayedFleet(HEARTBEAT_MS / 1_000);
  await test.fleet.startAgent().connected();
  return await ofHeartbeats(() => test.relay.carried);
}

/** A real agent behind a network that counts packets. */
async function ofPackets(): Promise<Bytes> {
  await using network = await Network.open();
  await using fleet = await fleetBehind(network, HEARTBEAT_MS / 1_000);
  await fleet.enrol();
  await fleet.startAgent().connected();
  return await ofHeartbeats(async () => {
    const { up, down } = await network.carried();
    return { up: up.bytes, down: down.bytes };
  });
}

/** The agent's own socket at a server that pings and does nothing else. */
async function ofBareWebSocket(): Promise<Bytes> {
  const [dataDir, port] = [await Deno.makeTempDir({ prefix: "sallyport-bench-" }), await freePort()];
  await using relay = await Relay.start(port);
  const [identity] = await enrolCrowd(dataDir, relay.authority, 1);
  const args = ["run", "-A", "--quiet", "--no-check", `${ROOT}/scripts/lib/bare_server.ts`, dataDir];
  const server = new Deno.Command(Deno.execPath(), {
    args: [...args, String(port), String(HEARTBEAT_MS)],
    stdout: "piped",
  }).spawn();
  try {
    await firstLine(server);
    const open = webSocketOpener(systemClock);
    await open({ ...identity!, path: "/v1/opamp", challenge: undefined }, new AbortController().signal);
    return await ofHeartbeats(() => relay.carried);
  } finally {
    server.kill("SIGKILL");
    await server.status;
    await Deno.remove(dataDir, { recursive: true });
  }
}

/**
 * The bytes of so many heartbeats with their answers: from the silence before the first to the silence before the one
 * after the last. What is sent within half an interval of a heartbeat belongs to it.
 */
async function ofHeartbeats(read: () => Bytes | Promise<Bytes>): Promise<Bytes> {
  await pause(5 * HEARTBEAT_MS); // what follows a start is not idle
  let [silent, beganAt, seen] = [{ ...await read() }, -Infinity, 0];
  for (let first = silent;;) {
    await pause(POLL_MS);
    const now = { ...await read() };
    const at = performance.now();
    if ((now.up !== silent.up || now.down !== silent.down) && at - beganAt > HEARTBEAT_MS / 2) {
      beganAt = at;
      if (seen === 0) first = silent;
      if (seen++ === heartbeats) return { up: silent.up - first.up, down: silent.down - first.down };
    }
    silent = now;
  }
}
