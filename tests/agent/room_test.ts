import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { openReserve, Room } from "../../src/agent/room/room.ts";
import { Reserve, SLICE_BYTES } from "../../src/agent/room/reserve.ts";
import { createLog, silentLog } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { createRunPause } from "../../src/engine/run_pause.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryFolder } from "../support/home.ts";
import { canMount, SmallDisk } from "../support/small_disk.ts";

const MIB = 1024 * 1024;
const WHOLE = 4 * MIB;

/** A room on a disk of its own, whose reserve is small as well. */
async function settled(size = "16m") {
  const folder = temporaryFolder();
  const disk = await SmallDisk.inMemory(folder.path, size);
  const db = openDatabase(`${folder.path}/state.db`);
  db.exec("CREATE TABLE a (x)");
  const reserve = new Reserve(`${folder.path}/reserve`, WHOLE);
  const pause = createRunPause(db);
  const room = new Room({ reserve, pause, log: silentLog });
  const insert = db.prepare("INSERT INTO a VALUES (randomblob(?))");
  return {
    path: folder.path,
    disk,
    db,
    reserve,
    pause,
    room,
    write: (bytes: number) => room.attempt(() => insert.run(bytes)),
    async [Symbol.asyncDispose]() {
      db.close();
      await disk[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore: !canMount, fn });

test("a reserve of any length is made right: missing, too short, too long, or with a probe's end still on it", async () => {
  await using t = await settled();
  const path = `${t.path}/reserve`;
  for (const bytes of [undefined, 0, 1, WHOLE - 1, WHOLE, WHOLE + 3 * MIB]) {
    if (bytes === undefined) await Deno.remove(path).catch(() => {});
    else {
      await Deno.writeFile(path, new Uint8Array(0));
      await Deno.truncate(path, bytes);
    }
    assertEquals(t.reserve.fill(MIB), true);
    assertEquals((await Deno.stat(path)).size, WHOLE);
  }
});

test("what it keeps back is really taken, and does not compress", async () => {
  await using t = await settled();
  t.reserve.fill(MIB);
  const { size, blocks } = await Deno.stat(`${t.path}/reserve`);
  assert(blocks! * 512 >= size);
  const gzip = new Blob([await Deno.readFile(`${t.path}/reserve`)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  assert((await new Response(gzip).arrayBuffer()).byteLength >= size);
});

test("a full disk takes slices of the reserve, as many as are needed, and runs pause", async () => {
  await using t = await settled();
  t.room.look();
  assertEquals([t.reserve.bytes, t.room.conditions()], [WHOLE, []]);
  await t.disk.fill();
  for (let n = 0; n < 20; n++) t.write(100_000);
  assertEquals(t.db.prepare("SELECT count(*) AS n FROM a").get()?.n, 20);
  assert(t.reserve.bytes < WHOLE && t.reserve.bytes % SLICE_BYTES === 0);
  assertEquals(t.room.conditions()[0]?.code, "disk.full");
  t.room.tellEngine();
  assertStringIncludes(t.pause.reason(), "4 MiB");
});

test("a reserve that is used up is said to be, what fails then fails, and later it is built up again", async () => {
  await using t = await settled();
  t.room.look();
  await t.disk.fill();
  assertThrows(() => {
    for (;;) t.write(100_000);
  }, "full");
  assertEquals(t.reserve.bytes, 0);
  assertStringIncludes(t.room.conditions()[0]!.reason, "used up");
  await t.disk.free();
  t.room.look();
  t.write(100_000);
  assertEquals([t.reserve.bytes, t.room.conditions()], [WHOLE, []]);
});

test("room comes to the reserve first, and runs go on only with more than made them pause", async () => {
  await using t = await settled();
  t.room.look();
  await t.disk.fill();
  t.room.look();
  const free = async (bytes: number) => {
    await t.disk.free(await t.disk.filled() - bytes);
    t.room.look();
    return [t.reserve.bytes / MIB, t.room.conditions().length];
  };
  t.reserve.giveUp();
  t.reserve.giveUp();
  assertEquals(await free(0), [2, 1]);
  assertEquals(await free(3 * MIB), [3, 1]); // 5 are free: 4 stay so
  assertEquals(await free(MIB / 2), [3.5, 1]);
  assertEquals(await free(MIB / 2), [4, 0]);
  // Back at the edge: what let runs go on is more than what makes them pause.
  await Deno.writeFile(`${t.path}/more`, new Uint8Array(2 * MIB));
  assertEquals(await free(0), [4, 0]);
  await Deno.writeFile(`${t.path}/still-more`, new Uint8Array(1.5 * MIB));
  assertEquals(await free(0), [4, 1]);
});

test("a disk smaller than the reserve keeps back what it can, lets no run begin, and can be written", async () => {
  await using t = await settled("3m");
  t.room.look();
  assertEquals(t.room.conditions()[0]?.code, "disk.full");
  t.room.look();
  assert(t.reserve.bytes < WHOLE);
  t.write(100_000);
});

test("an agent that is started on a full disk gives a slice up for its database, and knows", async () => {
  await using t = await settled();
  const path = `${t.path}/reserve`;
  new Reserve(path).fill(0);
  await t.disk.fill();
  const before = (await Deno.stat(path)).size;
  const reserve = openReserve(path, silentLog);
  assertEquals((await Deno.stat(path)).size, before - SLICE_BYTES);
  const room = new Room({ reserve, pause: t.pause, log: silentLog });
  assertEquals(room.conditions()[0]?.code, "disk.full");
  assertEquals(openReserve(path, silentLog).wasNeeded, false);
});

Deno.test("a pause outlives a restart; another failure than of the disk takes nothing of the reserve", () => {
  using folder = temporaryFolder();
  using db = openDatabase(`${folder.path}/state.db`);
  const pause = createRunPause(db);
  pause.set("the disk is full");
  const reserve = new Reserve(`${folder.path}/reserve`, WHOLE);
  const room = new Room({ reserve, pause, log: silentLog });
  assertEquals(room.conditions().length, 1);
  room.look();
  room.tellEngine();
  assertEquals([pause.reason(), reserve.bytes], ["", WHOLE]);
  let tries = 0;
  assertThrows(
    () => room.attempt(() => (tries++, db.exec("INSERT INTO nothing VALUES (1)"))),
    "no such table",
  );
  assertEquals([tries, reserve.bytes], [1, WHOLE]);
});

Deno.test("where nothing can be kept back the agent says so once, and works", () => {
  using folder = temporaryFolder();
  using db = openDatabase(`${folder.path}/state.db`);
  Deno.mkdirSync(`${folder.path}/reserve`);
  const lines: string[] = [];
  const log = createLog({
    clock: new TestClock(),
    format: "json",
    level: "info",
    write: (l) => lines.push(l),
  });
  const reserve = openReserve(`${folder.path}/reserve`, log);
  const room = new Room({ reserve, pause: createRunPause(db), log });
  room.look();
  room.look();
  assertEquals([lines.length, room.conditions()], [1, []]);
});
