/**
 * Requests to an agent, a real one and a real platform, two processes on loopback, everything on the disk before it
 * counts: the round trip of a small one, from the call of the API to the end of its answer, and the bytes a second of a
 * large one, with the agent's memory. Beside it a bare WebSocket over TLS that echoes, in turns with the requests, and
 * what one commit takes on the same disk: on its way a request and its answer wait for six of them.
 *
 *   deno run -A scripts/bench/requests.ts [--requests 80] [--rounds 3] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { MAX_REQUESTS_A_MINUTE } from "../../src/base/limits.ts";
import { command, openDatabase } from "../../src/base/sqlite.ts";
import { COPY_PROCESS, eventually, freePort } from "../../tests/support/fleet.ts";
import type { RequestView, RunView } from "../../tests/support/fleet.ts";
import { agentFromSource, runCommand, RunningAgent } from "../lib/agent_process.ts";
import { ROOT } from "../lib/permissions.ts";
import type { PlatformClient } from "../lib/platform_client.ts";
import { firstLine, PlatformProcess } from "../lib/platform_process.ts";
import { median, memoryOf, pause, percentile, print } from "./lib.ts";

const options = parseArgs(Deno.args, { string: ["requests", "rounds"] });
const requests = Number(options.requests ?? 80);
const rounds = Number(options.rounds ?? 3);
/** Until the code is compiled and the caches are warm. */
const WARM_UP = 20;
/** An agent takes no more requests in a minute than that. */
const APART_MS = 60_000 / MAX_REQUESTS_A_MINUTE;
/** What the messages of the two answers have: the runtime's WebSocket needs 40 ms more for those above 1 KiB. */
const SMALL_BYTES = 600;
const OVER_BYTES = 1_700;
const LARGE_MESSAGES = 24_000;

const folder = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const home = `${folder}/home`;
await Deno.mkdir(`${home}/data/in`, { recursive: true });
const [port, echoPort] = [await freePort(), await freePort()];
const platform = new PlatformProcess({ dataDir: `${folder}/platform`, port, connections: 10 });
await platform.start();
const api = await platform.client();
const program = await agentFromSource(platform.authority);
const enrolled = await runCommand(program, home, ["enroll", "-"], await api.bundle());
if (enrolled.code !== 0) throw new Error(enrolled.stderr);
await Deno.writeTextFile(`${home}/policy.yaml`, "logs: { budget: 4 GiB }\n");
const agent = new RunningAgent(program, home);
await agent.connected();
const { agents } = await api.get<{ agents: { id: string }[] }>("/agents");
const run = await oneRun(api);
const echo = await startEcho();

const [ours, bare]: [number[], number[]] = [[], []];
const [oursOver, bareOver]: [number[], number[]] = [[], []];
for (let n = 0; n < WARM_UP; n++) await ask("errors");
for (let n = 0; n < requests; n++) {
  await pause(APART_MS);
  ours.push((await ask("errors")).ms);
  bare.push(await echo.roundTrip(SMALL_BYTES));
  await pause(APART_MS);
  oursOver.push((await ask("logs")).ms);
  bareOver.push(await echo.roundTrip(OVER_BYTES));
}
const commits = commitTimes(100);
await lengthenLog();
const before = (await memoryOf(agent.child.pid)).anonymous;
const large = [];
for (let round = 0; round < rounds; round++) large.push(await watched(() => ask("logs")));
await agent.stop();
echo.stop();
api.close();
await platform.kill();
await Deno.remove(folder, { recursive: true });

const p99 = (values: number[]) => percentile(values, 0.99);
const beside = (of: (values: number[]) => number, own: number[], echoed: number[]) =>
  `${tenth(of(own) - of(echoed))} ms over a bare WebSocket echo (${tenth(of(echoed))} ms)`;
const perSecond = ({ bytes, ms }: { bytes: number; ms: number }) => bytes / 1e6 / (ms / 1_000);
const megabytes = Math.round(large[0]!.bytes / 1e5) / 10;
print(`Requests to an agent on loopback: ${requests} small ones, and ${rounds} of ${megabytes} MB`, [
  { what: "below 1 KiB, p50", value: tenth(median(ours)), unit: "ms", beside: beside(median, ours, bare) },
  {
    what: "below 1 KiB, p99",
    value: tenth(p99(ours)),
    unit: "ms",
    goal: "within 5 ms of the echo",
    beside: beside(p99, ours, bare),
  },
  {
    what: "above 1 KiB, p50",
    value: tenth(median(oursOver)),
    unit: "ms",
    beside: beside(median, oursOver, bareOver),
  },
  {
    what: "above 1 KiB, p99",
    value: tenth(p99(oursOver)),
    unit: "ms",
    beside: beside(p99, oursOver, bareOver),
  },
  { what: "one commit on this disk, p50", value: tenth(median(commits)), unit: "ms" },
  { what: "one commit on this disk, p99", value: tenth(p99(commits)), unit: "ms" },
  { what: "large, median", value: tenth(median(large.map(perSecond))), unit: "MB/s" },
  { what: "anonymous memory of the agent before it", value: before, unit: "MiB" },
  { what: "the most during the first", value: large[0]!.peak, unit: "MiB" },
  { what: "the most during the last", value: large.at(-1)!.peak, unit: "MiB", goal: "flat" },
]);

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Asks for something of the run, and takes the answer. */
async function ask(channel: "logs" | "errors"): Promise<{ ms: number; bytes: number }> {
  const from = performance.now();
  const body = { channel, parameters: { runId: run } };
  const { id } = await api.call<RequestView>("POST", `/agents/${agents[0]!.id}/requests`, body);
  const response = await api.stream(`/requests/${id}/answer`);
  let bytes = 0;
  for await (const chunk of response.body!) bytes += chunk.length;
  if (bytes === 0) throw new Error(`${id} was not answered`);
  return { ms: performance.now() - from, bytes };
}

/** The same, with the most memory that the agent had meanwhile, in MiB. */
async function watched<T>(work: () => Promise<T>): Promise<T & { peak: number }> {
  let [peak, isOver] = [0, false];
  const watching = (async () => {
    while (!isOver) {
      peak = Math.max(peak, (await memoryOf(agent.child.pid)).anonymous);
      await pause(50);
    }
  })();
  const done = await work();
  isOver = true;
  await watching;
  return { ...done, peak };
}

async function oneRun(api: PlatformClient): Promise<string> {
  await api.publish("copy", COPY_PROCESS);
  await Deno.writeTextFile(`${home}/data/in/a.csv`, "id,amount\n1,2\n");
  const { runs } = await eventually(
    () => api.get<{ runs: RunView[] }>("/runs"),
    ({ runs: [run] }) => run !== undefined && run.outcome !== "running",
  );
  return runs[0]!.id;
}

/** Makes the run's log as long as the agent keeps it. */
async function lengthenLog(): Promise<void> {
  const path = `${home}/state/logs/${run}.ndjson`;
  const lines = (await Deno.readTextFile(path)).split("\n");
  const message = {
    kind: "message",
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    message: "x".repeat(500),
  };
  const last = lines.findLastIndex((line) => line.includes('"ended":true'));
  lines.splice(last, 0, ...Array<string>(LARGE_MESSAGES).fill(JSON.stringify(message)));
  await Deno.writeTextFile(path, lines.join("\n"));
}

/** A WebSocket server over TLS in a process of its own, that gives back what it gets. */
async function startEcho() {
  const server = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", `${ROOT}/scripts/lib/bare_server.ts`],
      ...[`${folder}/platform`, String(echoPort)],
    ],
    stdout: "piped",
  }).spawn();
  await firstLine(server);
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(`${folder}/platform/ca.pem`)] });
  // The types of the runtime do not know the option of its own WebSocket.
  const Socket = WebSocket as unknown as new (url: string, options: unknown) => WebSocket;
  const socket = new Socket(`wss://127.0.0.1:${echoPort}/v1/opamp`, { client });
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  return {
    async roundTrip(bytes: number): Promise<number> {
      const message = new Uint8Array(bytes);
      const from = performance.now();
      const answered = new Promise((resolve) => socket.onmessage = resolve);
      socket.send(message);
      await answered;
      return performance.now() - from;
    },
    stop() {
      socket.close();
      client.close();
      server.kill("SIGKILL");
    },
  };
}

function commitTimes(count: number): number[] {
  using db = openDatabase(`${folder}/commits.db`);
  db.exec("CREATE TABLE t (body TEXT NOT NULL) STRICT");
  const insert = command(db, "INSERT INTO t VALUES (?)");
  return Array.from({ length: count }, () => {
    const from = performance.now();
    insert("x".repeat(1_000));
    return performance.now() - from;
  });
}
