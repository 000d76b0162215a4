/**
 * How long what an agent keeps back on its disk lasts once that is full, on an ext4 of its own (needs root on Linux):
 * a real agent that sends a backlog to a real platform, and a ledger that takes the heartbeats of an idle agent.
 *
 *   deno run -A scripts/bench/reserve.ts [--records 100000] [--days 60] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import { Reserve } from "../../src/agent/room/reserve.ts";
import { Room } from "../../src/agent/room/room.ts";
import type { Clock } from "../../src/base/clock.ts";
import { DAY_MS, systemClock } from "../../src/base/clock.ts";
import { RESERVE_BYTES } from "../../src/base/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDatabase, transaction } from "../../src/base/sqlite.ts";
import { createRunPause } from "../../src/engine/run_pause.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { Spool } from "../../src/spool/spool.ts";
import { heartbeat } from "../../tests/ledger/support.ts";
import { eventually, Fleet } from "../../tests/support/fleet.ts";
import type { Summary } from "../../tests/support/fleet.ts";
import { temporaryFolder } from "../../tests/support/home.ts";
import { RUN_STARTED } from "../../tests/support/records.ts";
import { canMount, SmallDisk } from "../../tests/support/small_disk.ts";
import { pause, print } from "./lib.ts";

const MIB = 1024 * 1024;
const HEARTBEATS_A_DAY = 2_880;
const RUNS_AT_ONCE = 100;

if (!canMount) {
  print("The reserve for a full disk is not measured: no file system can be mounted here", []);
  Deno.exit(0);
}
const options = parseArgs(Deno.args, { string: ["records", "days"] });
const records = Number(options.records ?? 100_000);
const days = Number(options.days ?? 60);
const mib = (bytes: number) => Math.round(bytes / MIB * 10) / 10;

const backlog = await ofBacklog();
const idle = await ofIdleDays();
print(`A full disk, and ${mib(RESERVE_BYTES)} MiB kept back`, [
  { what: "backlog that was sent", value: records, unit: "records", beside: `${mib(backlog.bytes)} MiB` },
  { what: "given up for it", value: mib(backlog.used), unit: "MiB" },
  { what: "idle days", value: days, unit: "days", beside: `${days * HEARTBEATS_A_DAY} heartbeats` },
  { what: "given up for them", value: mib(idle), unit: "MiB" },
]);
Deno.exit(0);

/** A real agent whose platform is away while records pile up and the disk fills. */
async function ofBacklog(): Promise<{ bytes: number; used: number }> {
  await using fleet = await Fleet.start();
  await using disk = await SmallDisk.ext4(`${fleet.home}/state`, 256 * MIB);
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  const reserve = new Reserve(`${fleet.home}/state/reserve`);
  await eventually(() => reserve.bytes, (bytes) => bytes === reserve.wholeBytes);
  await fleet.stopPlatform();
  const bytes = fillSpool(`${fleet.home}/state/sallyport.db`);
  await disk.fill();
  await fleet.startPlatform();
  const stored = async () => (await fleet.api.get<Summary>("/summary")).records;
  for (let sent = 0; sent < records; sent = await stored()) await pause(250);
  await agent.stop();
  return { bytes, used: reserve.wholeBytes - reserve.bytes };
}

function fillSpool(path: string): number {
  using db = openDatabase(path);
  const spool = new Spool(db, systemClock);
  // Not all in one transaction: it would leave a write-ahead log with room for everything that comes after.
  for (let left = records; left > 0; left -= RUNS_AT_ONCE) {
    transaction(db, () => {
      for (let n = 0; n < Math.min(left, RUNS_AT_ONCE); n++) {
        spool.put("tracking", { ...RUN_STARTED, runId: crypto.randomUUID() });
      }
    });
  }
  return spool.counts()[0]!.bytes;
}

/** What an idle agent writes: its heartbeats, and once a day a message with what it knows of itself. */
async function ofIdleDays(): Promise<number> {
  using folder = temporaryFolder();
  await using disk = await SmallDisk.ext4(folder.path, 64 * MIB);
  using db = openDatabase(`${folder.path}/sallyport.db`);
  db.exec("PRAGMA synchronous = OFF"); // it only takes time: what is written is the same
  let now = 0;
  const clock: Clock = { ...systemClock, now: () => now };
  const ledger = new Ledger(db, clock);
  const reserve = new Reserve(`${folder.path}/reserve`);
  const room = new Room({ reserve, pause: createRunPause(db), log: silentLog });
  room.look();
  await disk.fill();
  let sequence = 0;
  const send = (records: string, body: Uint8Array) =>
    room.attempt(() => ledger.intend({ class: "status", records, policy: "p".repeat(64), body }));
  for (let day = 0; day < days; day++) {
    send("health", crypto.getRandomValues(new Uint8Array(1_000)));
    for (let n = 0; n < HEARTBEATS_A_DAY; n++) {
      now += DAY_MS / HEARTBEATS_A_DAY;
      send("heartbeat", heartbeat(sequence++));
    }
  }
  return reserve.wholeBytes - reserve.bytes;
}
