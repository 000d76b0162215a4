import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { RESERVE_BYTES } from "../../src/base/limits.ts";
import { openDatabase, transaction } from "../../src/base/sqlite.ts";
import { Spool } from "../../src/spool/spool.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";
import { RUN_STARTED } from "../support/records.ts";
import { canMount, SmallDisk } from "../support/small_disk.ts";

const MIB = 1024 * 1024;
const DISK_BYTES = 48 * MIB;
const WAITING = 3_000;

const inputs = (fleet: Fleet) => [...Deno.readDirSync(`${fleet.home}/data/in`)].map(({ name }) => name);
const reserveBytes = (fleet: Fleet) => Deno.stat(`${fleet.home}/state/reserve`).then(({ size }) => size);
const wholeReserve = (fleet: Fleet) =>
  eventually(() => reserveBytes(fleet).catch(() => 0), (bytes) => bytes === RESERVE_BYTES);
const conditions = async (fleet: Fleet) =>
  (await fleet.agentView()).health?.conditions.map(({ code }) => code) ?? [];

/** Puts records into the spool of a home, as its engine would. */
function putRecords(fleet: Fleet, count: number): void {
  const db = openDatabase(`${fleet.home}/state/sallyport.db`);
  const spool = new Spool(db, systemClock);
  transaction(db, () => {
    for (let n = 0; n < count; n++) {
      const runId = `018f0000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
      spool.put("tracking", { ...RUN_STARTED, runId });
    }
  });
  db.close();
}

Deno.test({
  name: "while the disk is full, what waits is sent and no run begins; with room again all goes on by itself",
  ignore: !canMount,
  async fn() {
    await using fleet = await Fleet.start();
    await using disk = await SmallDisk.ext4(`${fleet.home}/state`, DISK_BYTES);
    await fleet.enrol();
    await fleet.api.publish("copy", COPY_PROCESS);
    await Deno.mkdir(`${fleet.home}/data/in`, { recursive: true });
    const agent = fleet.startAgent();
    await agent.connected();
    await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
    await wholeReserve(fleet);

    await fleet.stopPlatform();
    putRecords(fleet, WAITING);
    await disk.fill();
    await fleet.startPlatform();
    await eventually(() => fleet.api.get<Summary>("/summary"), ({ records }) => records === WAITING);
    await eventually(() => conditions(fleet), (codes) => codes.includes("disk.full"));
    assertEquals((await fleet.agentView()).state, "online");

    await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
    await agent.line(({ code, process }) => code === "disk.full" && process === "copy");
    assertEquals(inputs(fleet), ["a.csv"]);
    const { stdout } = await fleet.run(["status"]);
    assertMatch(stdout, /\ndisk\.full \(status\) since .*\n {2}there is no room .*\n {2}What to do: /);
    const { stdout: doctor } = await fleet.run(["doctor"]);
    assertMatch(doctor, /there is no room to write 4 MiB .* of 16 MiB are kept back/);

    // A start needs room as well.
    assertEquals(await agent.stop(), 0);
    await disk.fill();
    const again = fleet.startAgent();
    await again.connected();
    await again.line(({ code, process }) => code === "disk.full" && process === "copy");
    assert(await reserveBytes(fleet) < RESERVE_BYTES);

    await disk.free();
    await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 1);
    assertEquals(await reserveBytes(fleet), RESERVE_BYTES);
    await eventually(() => conditions(fleet), (codes) => codes.length === 0);
    assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
    assertEquals(await again.stop(), 0);
  },
});

Deno.test({
  name:
    "with the reserve used up as well, an agent holds what it has, survives a kill, and is back with the room",
  ignore: !canMount,
  async fn() {
    await using fleet = await Fleet.start();
    await using disk = await SmallDisk.inMemory(`${fleet.home}/state`, "32m");
    await fleet.enrol();
    const agent = fleet.startAgent();
    await agent.connected();
    await wholeReserve(fleet);
    await fleet.stopPlatform();
    putRecords(fleet, WAITING);

    // Somebody who takes all that is given up, and the last of the reserve.
    await Deno.truncate(`${fleet.home}/state/reserve`, 0);
    await disk.fill();
    await fleet.startPlatform();
    const { reason } = await agent.line(({ code }) => code === "disk.full");
    assertStringIncludes(String(reason), "used up");
    await agent.line(({ message, task }) =>
      message === "the state database cannot be used" && task === "sending status"
    );
    assertEquals((await fleet.api.get<Summary>("/summary")).records, 0);

    await disk.free();
    const freedAt = performance.now();
    await eventually(() => fleet.api.get<Summary>("/summary"), ({ records }) => records === WAITING);
    // Once the connection stands it is the greeting's turn at once, and not after two heartbeats of 30 s.
    assert(performance.now() - freedAt < 20_000);
    await wholeReserve(fleet);
    const status = () => fleet.json<{ conditions: unknown[]; connection: { state: string } }>(["status"]);
    const { connection } = await eventually(status, ({ conditions }) => conditions.length === 0);
    assertEquals(connection.state, "connected");

    await Deno.truncate(`${fleet.home}/state/reserve`, 0);
    await disk.fill();
    assertEquals(await agent.stop("SIGKILL"), 137);
    const { code, stderr } = await fleet.run(["run"]);
    assertEquals(code, EXIT.failed);
    assertMatch(stderr, /cannot be opened.*\nFree some room .*\n\(disk\.full\)/);
    await disk.free();
    const again = fleet.startAgent();
    await again.connected();
    await wholeReserve(fleet);
    assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
    assertEquals(await again.stop(), 0);
  },
});
