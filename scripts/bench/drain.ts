/**
 * Tracking records a second from an agent's full spool to stored on the platform: a real agent and a real
 * platform, two processes on loopback, ledger and fsync on. Beside it, plain inserts of the same texts into one
 * SQLite table, as many in a transaction as a batch has records, in a process that does nothing else.
 *
 *   deno run -A scripts/bench/drain.ts [--records 200000] [--rounds 3] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { isoTime, systemClock } from "../../src/base/clock.ts";
import { uuidv7 } from "../../src/base/ids.ts";
import { MAX_BATCH_RECORDS } from "../../src/base/limits.ts";
import { command, openDatabase, queryOne, transaction } from "../../src/base/sqlite.ts";
import { DATABASE_FILE } from "../../src/platform/store/sqlite.ts";
import type { TrackingRecord } from "../../src/protocol/payloads/tracking.ts";
import { Spool } from "../../src/spool/spool.ts";
import { freePort } from "../../tests/support/fleet.ts";
import { agentFromSource, runCommand, RunningAgent } from "../lib/agent_process.ts";
import { PlatformProcess } from "../lib/platform_process.ts";
import { cpuSecondsOf, median, memoryOf, pause, print } from "./lib.ts";

const options = parseArgs(Deno.args, { string: ["records", "rounds"] });
const count = Number(options.records ?? 200_000);
const rounds = Number(options.rounds ?? 3);

interface Round {
  plain: number;
  drained: number;
  /** Processor time a record, in microseconds. */
  plainCpu: number;
  agentCpu: number;
  platformCpu: number;
  agentRss: number;
}

const folder = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const measured: Round[] = [];
for (let round = 0; round < rounds; round++) {
  const home = `${folder}/${round}`;
  await Deno.mkdir(`${home}/state`, { recursive: true });
  measured.push({ ...await plainInserts(`${home}/plain.db`), ...await drain(home) });
}
await Deno.remove(folder, { recursive: true });

const middle = (of: (round: Round) => number) => median(measured.map(of));
const bytes = records(1_000).reduce((sum, record) => sum + JSON.stringify(record).length, 0) / 1_000;
print(`${count} tracking records of ${Math.round(bytes)} bytes each, median of ${rounds}`, [
  { what: "plain batched inserts", value: Math.round(middle(({ plain }) => plain)), unit: "records/s" },
  {
    what: "from spool to stored on the platform",
    value: Math.round(middle(({ drained }) => drained)),
    unit: "records/s",
    goal: ">= 0.5 x plain",
    beside: `${middle(({ plain, drained }) => drained / plain).toFixed(2)} x plain`,
  },
  {
    what: "processor time of plain inserts",
    value: tenth(middle((each) => each.plainCpu)),
    unit: "us/record",
  },
  { what: "processor time of the agent", value: tenth(middle((each) => each.agentCpu)), unit: "us/record" },
  {
    what: "processor time of the platform",
    value: tenth(middle((each) => each.platformCpu)),
    unit: "us/record",
  },
  { what: "resident memory of the agent after it", value: middle((each) => each.agentRss), unit: "MiB" },
]);

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What runs leave: a start, and an end that names an input and an output. */
function* recordsOfRuns(): Generator<TrackingRecord> {
  for (let number = 0;; number++) {
    const startedAt = systemClock.now();
    const run = {
      runId: uuidv7(systemClock),
      process: "orders",
      version: "1",
      definition: "0123456789ab",
      trigger: "watch" as const,
      startedAt: isoTime(startedAt),
    };
    yield { kind: "run-started", ...run };
    const size = { bytes: 48_213, documents: 812 };
    const name = `orders-${number}.csv`;
    yield {
      kind: "run-finished",
      ...run,
      endedAt: isoTime(startedAt + 83),
      outcome: "succeeded",
      documents: { in: 812, out: 812, filtered: 0, failed: 0 },
      bytesIn: 48_213,
      bytesOut: 61_002,
      fileCount: 2,
      files: [
        { role: "source", name, directory: "data/in", ...size, failed: 0 },
        { role: "sink", name: `${name}.ndjson`, directory: "data/out", ...size, failed: 0 },
      ],
    };
  }
}

function records(wanted: number): TrackingRecord[] {
  return recordsOfRuns().take(wanted).toArray();
}

/** Inserts into one table, the texts being ready before. */
async function plainInserts(path: string): Promise<Pick<Round, "plain" | "plainCpu">> {
  const texts = records(count).map((record) => JSON.stringify(record));
  const db = openDatabase(path);
  db.exec("CREATE TABLE plain (seq INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL) STRICT");
  const insert = command(db, "INSERT INTO plain (record) VALUES (?)");
  const [from, fromCpu] = [performance.now(), await cpuSecondsOf(Deno.pid)];
  for (let at = 0; at < count; at += MAX_BATCH_RECORDS) {
    transaction(db, () => {
      for (const text of texts.slice(at, at + MAX_BATCH_RECORDS)) insert(text);
    });
  }
  const took = performance.now() - from;
  const plainCpu = (await cpuSecondsOf(Deno.pid) - fromCpu) / count * 1e6;
  db.close();
  return { plain: count / took * 1_000, plainCpu };
}

/** Enrols an agent, fills its spool while it does not run, and lets it drain. */
async function drain(home: string): Promise<Omit<Round, "plain" | "plainCpu">> {
  const dataDir = `${home}/platform`;
  await Deno.mkdir(dataDir);
  await using platform = new PlatformProcess({ dataDir, port: await freePort(), connections: 10 });
  await platform.start();
  const api = await platform.client();
  const program = await agentFromSource(platform.authority);
  const { code, stderr } = await runCommand(program, home, ["enroll", "-"], await api.bundle());
  api.close();
  if (code !== 0) throw new Error(stderr);
  fill(`${home}/state/sallyport.db`);

  using stored = openDatabase(`${dataDir}/${DATABASE_FILE}`);
  const settled = queryOne<{ through: number }>(stored, "SELECT through FROM streams");
  const agent = new RunningAgent(program, home);
  await agent.connected();
  let first = settled()?.through ?? 0;
  while (first === 0) {
    await pause(1);
    first = settled()?.through ?? 0;
  }
  const from = { at: performance.now(), ...await processorTimes(agent, platform) };
  let last = first;
  while (last < count) {
    await pause(5);
    last = settled()!.through;
  }
  const took = performance.now() - from.at;
  const to = await processorTimes(agent, platform);
  const { rss: agentRss } = await memoryOf(agent.child.pid);
  await agent.stop();
  const each = (seconds: number) => seconds / (last - first) * 1e6;
  return {
    drained: (last - first) / took * 1_000,
    agentCpu: each(to.agent - from.agent),
    platformCpu: each(to.platform - from.platform),
    agentRss,
  };
}

async function processorTimes(agent: RunningAgent, platform: PlatformProcess) {
  return { agent: await cpuSecondsOf(agent.child.pid), platform: await cpuSecondsOf(platform.pid) };
}

function fill(path: string): void {
  using db = openDatabase(path);
  const spool = new Spool(db, systemClock);
  transaction(db, () => {
    for (const record of records(count)) spool.put("tracking", record);
  });
}
