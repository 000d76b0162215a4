/**
 * The main job on this machine, for real: a platform with a fresh data folder, one agent that enrols there, a
 * process that the platform hands out, and files that are read, mapped, written and tracked.
 *
 *     deno task demo [--once] [--json] [--rows N] [--files N] [--keep DIR]
 *
 * `--once` ends by itself with exit code 0 when all went well; `--json` writes one object as the last line.
 */
import { bold, dim, green } from "@std/fmt/colors";
import { join } from "@std/path";
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../src/base/clock.ts";
import { silentLog } from "../src/base/log.ts";
import { table } from "../src/base/table.ts";
import { useColourOnTerminalsOnly } from "../src/base/terminal.ts";
import { startPlatform } from "../src/platform/platform.ts";
import { generateOrders, ORDERS_PROCESS } from "./demo/orders.ts";
import { agentFromSource, runCommand, RunningAgent } from "./lib/agent_process.ts";
import { PlatformClient } from "./lib/platform_client.ts";

const options = parseArgs(Deno.args, {
  boolean: ["once", "json", "help"],
  string: ["keep", "rows", "files"],
  default: { rows: "20000", files: "8" },
});
const [rows, files] = [Number(options.rows), Number(options.files)];
if (options.help || !(rows >= 100) || !(files >= 1) || options._.length > 0) {
  console.log("Usage: deno task demo [--once] [--json] [--rows N (from 100)] [--files N] [--keep DIR]");
  Deno.exit(options.help ? 0 : 2);
}
useColourOnTerminalsOnly();
/** Progress is for people: with --json it goes to standard error, so that the result stands alone. */
const say = (line: string) => options.json ? console.error(line) : console.log(line);

/** A demo in which nothing moves for so long has failed, and says so. */
const STUCK_MS = 60_000;

interface Summary {
  agents: { online: number; total: number };
  documents: { in: number; out: number; failed: number };
  runs: { total: number };
  records: number;
}

const folder = options.keep ?? await Deno.makeTempDir({ prefix: "sallyport-demo-" });
await Deno.mkdir(folder, { recursive: true });
const home = await freshFolder("home");
const platformData = await freshFolder("platform");

say(`${bold("1")} Starting a platform ${dim(platformData)}`);
const platform = await startPlatform({
  dataDir: platformData,
  listen: { host: "127.0.0.1", port: 0 },
  clock: systemClock,
  log: silentLog,
});
const token = platform.firstToken!;
const client = new PlatformClient(platform.url, token, platform.ca);
const program = await agentFromSource(platform.authority);

say(`${bold("2")} Enrolling an agent ${dim(home)}`);
const enrolled = await runCommand(program, home, ["enroll", "-", "--name", "demo"], await client.bundle());
if (enrolled.code !== 0) throw new Error(`the enrolment failed: ${enrolled.stderr}`);

say(`${bold("3")} Publishing the process "orders"`);
await client.publish("orders", ORDERS_PROCESS);

say(`${bold("4")} Starting the agent`);
const agent = new RunningAgent(program, home);
let showing = false;
// Whatever ends the demo, it must not leave an agent behind.
const { promise: stopping, resolve: stop } = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
stopping.then(async () => {
  if (showing) return;
  await agent.stop();
  await cleanUp();
  Deno.exit(130);
});
globalThis.addEventListener("unload", () => agent.kill());
const startToFirstHeartbeatMs = await agent.connected();

say(`${bold("5")} Feeding it ${rows} orders in ${files} CSV files, 1 % of them broken in different ways`);
const feeding = generateOrders(join(home, "data/orders/in"), rows, files);
const summary = await follow();
const generated = await feeding;

const status = JSON.parse((await runCommand(program, home, ["status", "--json"])).stdout);
const ledger = JSON.parse((await runCommand(program, home, ["egress", "verify", "--json"])).stdout);
const { processes: [process] } = await client.get<{ processes: { onAgents: { state: string }[] }[] }>(
  "/processes",
);
const result = {
  agentOnline: summary.agents.online === 1,
  processStatus: process?.onAgents[0]?.state ?? "unknown",
  runs: summary.runs.total,
  files: await filesRead(),
  documentsIn: summary.documents.in,
  documentsOut: summary.documents.out,
  documentsFailed: summary.documents.failed,
  recordsSpooled: status.spooledTotal as number,
  recordsStored: summary.records,
  ledgerEntries: ledger.entries as number,
  ledgerVerified: ledger.whole as boolean,
  startToFirstHeartbeatMs,
  home,
  platformData,
};
const asExpected = result.files === generated.files && result.documentsIn === generated.rows &&
  result.documentsFailed === generated.broken &&
  result.documentsOut === generated.rows - generated.broken && result.ledgerVerified;
show();

showing = true;
if (!options.once) {
  say(`\nOpen ${bold(`${platform.url}/#token=${token}`)}`);
  say(dim("The certificate is of the demo's own authority: your browser will ask. Ctrl-C ends everything."));
  say(dim(`Look around: cd ${home}; put more CSV files into data/orders/in and watch the console.`));
  await stopping;
}
await agent.stop();
await cleanUp();
if (options.json) console.log(JSON.stringify(result));
Deno.exit(asExpected ? 0 : 1);

/** The files that were read, as the platform tells it: sources of its runs. */
async function filesRead(): Promise<number> {
  const { runs } = await client.get<{ runs: { id: string }[] }>("/runs?limit=500");
  const details = await Promise.all(
    runs.map(({ id }) => client.get<{ files: { role: string }[] }>(`/runs/${id}`)),
  );
  return details.flatMap(({ files }) => files).filter(({ role }) => role === "source").length;
}

/** Whether the platform has said of every record that it is stored. */
async function isDrained(): Promise<boolean> {
  const { stdout } = await runCommand(program, home, ["status", "--json"]);
  return JSON.parse(stdout).spool.length === 0;
}

async function cleanUp(): Promise<void> {
  client.close();
  await platform.close();
  if (options.keep === undefined) await Deno.remove(folder, { recursive: true });
}

/** Shows a live line until every row is accounted for and every record is stored. */
async function follow(): Promise<Summary> {
  const live = Deno.stdout.isTerminal() && !options.json;
  let last = "";
  let changedAt = performance.now();
  for (;;) {
    const now = await client.get<Summary>("/summary");
    const { documents } = now;
    const line =
      `  ${documents.in} of ${rows} documents read, ${documents.out} written, ${documents.failed} failed; ` +
      `${now.runs.total} runs, ${now.records} records stored`;
    if (live) await Deno.stdout.write(new TextEncoder().encode(`\r\x1b[K${line}`));
    else if (line !== last) say(line);
    if (line !== last) changedAt = performance.now();
    last = line;
    if (documents.in >= rows && await isDrained()) {
      if (live) console.log();
      return now;
    }
    if (performance.now() - changedAt > STUCK_MS) {
      throw new Error(
        `nothing has happened for ${STUCK_MS / 1000} s; the agent's log ends with:\n${agent.tail()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function show(): void {
  const lines: [string, string][] = [
    ["Agent", result.agentOnline ? green("online") : "offline"],
    ["Process orders", result.processStatus],
    ["First heartbeat answered", `${result.startToFirstHeartbeatMs} ms after the start`],
    ["Runs", String(result.runs)],
    ["Files", String(result.files)],
    ["Documents in", String(result.documentsIn)],
    ["Documents out", String(result.documentsOut)],
    ["Documents failed", `${result.documentsFailed} (${generated.broken} rows were broken on purpose)`],
    ["Tracking records", `${result.recordsSpooled} spooled, ${result.recordsStored} stored by the platform`],
    [
      "Payloads in the ledger",
      `${result.ledgerEntries}, ${result.ledgerVerified ? "the chain is whole" : "NOT whole"}`,
    ],
  ];
  say(`\n${table([{ title: "What" }, { title: "Seen" }], lines)}`);
  if (!asExpected) {
    say(`\nThis is not what was expected of ${generated.rows} rows, ${generated.broken} of them broken.`);
  }
}

async function freshFolder(name: string): Promise<string> {
  const path = await Deno.realPath(folder).then((real) => join(real, name));
  await Deno.mkdir(path); // one that is there already holds somebody's data: an error, not a place to write
  return path;
}
