/**
 * A reconnect over mutual TLS on loopback, from the start of the connect to the platform's first answer: TCP, TLS,
 * upgrade, the platform's proof, the agent's description and its answer. The agent's own uplink in this process, the
 * platform in another. Beside it, in turns: the same certificates with a WebSocket server behind which there is
 * nothing, and `openssl s_time -new`, which does the handshake of TLS and no more.
 *
 *   deno run -A scripts/bench/reconnect.ts [--rounds 4] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { webSocketOpener } from "../../src/uplink/socket.ts";
import type { UplinkIdentity } from "../../src/uplink/uplink.ts";
import { freePort } from "../../tests/support/fleet.ts";
import { enrolCrowd, simulatedAgent } from "../lib/crowd.ts";
import { ROOT } from "../lib/permissions.ts";
import { firstLine, PlatformProcess } from "../lib/platform_process.ts";
import { median, percentile, print } from "./lib.ts";

/** Connections of each kind in a round. */
const CONNECTIONS = 50;
/** Until the code is compiled and the caches are warm. */
const WARM_UP = 20;
const OPENSSL_SECONDS = 2;

const rounds = Number(parseArgs(Deno.args, { string: ["rounds"] }).rounds ?? 4);
const dataDir = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const [port, barePort] = [await freePort(), await freePort()];
const platform = new PlatformProcess({ dataDir, port, connections: 10 });
const identity = (await enrolCrowd(dataDir, platform.authority, 1))[0]!;
await platform.start();
const bareServer = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "-A", "--quiet", "--no-check", `${ROOT}/scripts/lib/bare_server.ts`],
    ...[dataDir, String(barePort)],
  ],
  stdout: "piped",
}).spawn();
await firstLine(bareServer);

const [ours, bare, openssl]: [number[], number[], number[]] = [[], [], []];
await reconnects(WARM_UP);
await bareConnects(WARM_UP);
for (let round = 0; round < rounds; round++) {
  ours.push(...await reconnects(CONNECTIONS));
  bare.push(...await bareConnects(CONNECTIONS));
  openssl.push(await opensslHandshake());
}
bareServer.kill("SIGKILL");
await bareServer.status;
await platform.kill();
await Deno.remove(dataDir, { recursive: true });

const p99 = (values: number[]) => percentile(values, 0.99);
const besideBare = (kind: (values: number[]) => number) =>
  `${(kind(ours) / kind(bare)).toFixed(1)} x a bare WebSocket over mutual TLS (${tenth(kind(bare))} ms)`;
const besideOpenssl = `${(median(ours) / median(openssl)).toFixed(1)} x \`openssl s_time -new\` (${
  tenth(median(openssl))
} ms)`;
print(`Reconnect over mutual TLS on loopback, ${ours.length} times`, [
  {
    what: "connect to first answer, median",
    value: tenth(median(ours)),
    unit: "ms",
    beside: `${besideBare(median)}, ${besideOpenssl}`,
  },
  {
    what: "connect to first answer, 99th percentile",
    value: tenth(p99(ours)),
    unit: "ms",
    beside: besideBare(p99),
  },
]);
Deno.exit(0);

/** One agent that connects anew as soon as it has got its first answer; gives the milliseconds of each time. */
async function reconnects(times: number): Promise<number[]> {
  const taken: number[] = [];
  const stopping = new AbortController();
  let from = performance.now();
  const uplink = simulatedAgent(identity, {
    ready() {
      taken.push(performance.now() - from);
      if (taken.length === times) stopping.abort();
      else uplink.reconnectAs(identity);
    },
    // The next attempt begins behind this.
    closed: () => void (from = performance.now()),
  });
  await uplink.run(stopping.signal);
  return taken;
}

/** Opens WebSockets one after another; gives the milliseconds of each. */
async function bareConnects(times: number): Promise<number[]> {
  const taken: number[] = [];
  const open = webSocketOpener(systemClock);
  const bareIdentity: UplinkIdentity = { ...identity, authority: `127.0.0.1:${barePort}` };
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    const { signal } = new AbortController();
    const socket = await open({ ...bareIdentity, path: "/v1/opamp", challenge: undefined }, signal);
    taken.push(performance.now() - from);
    socket.close(1000, "");
  }
  return taken;
}

/** The mean of full handshakes one after another by openssl, with the same client certificate, in milliseconds. */
async function opensslHandshake(): Promise<number> {
  const [cert, key, ca] = ["agent.pem", "agent.key", "ca.pem"].map((name) => join(dataDir, name)) as [
    string,
    string,
    string,
  ];
  await Deno.writeTextFile(cert, identity.certificate);
  await Deno.writeTextFile(key, identity.key);
  const from = performance.now();
  const { success, stdout, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["s_time", "-new", "-connect", platform.authority, "-time", String(OPENSSL_SECONDS)],
      ...["-cert", cert, "-key", key, "-CAfile", ca, "-verify", "3"],
    ],
  }).output();
  const took = performance.now() - from; // its own clock counts whole seconds
  const text = new TextDecoder().decode(stdout);
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(text)?.[1]);
  if (!success || !connections) throw new Error(`openssl s_time: ${text}${new TextDecoder().decode(stderr)}`);
  return took / connections;
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10;
}
