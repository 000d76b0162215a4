import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openDatabase, query } from "../../src/base/sqlite.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const PAGE = 4096;

interface Gaps {
  gaps: { reason: string; records: number; why: string }[];
}

/** Writes nonsense over pages of a table, as a bad disk does: all but its first, or those that `choose` names. */
function tear(path: string, table: string): void {
  using db = openDatabase(path);
  db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  const pages = query<{ pageno: number }>(
    db,
    "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno",
  )(table);
  assert(pages.length > 0, `${table} has no page`);
  using file = Deno.openSync(path, { write: true });
  const { pageno } = pages[pages.length >> 1]!;
  file.seekSync((pageno - 1) * PAGE, Deno.SeekMode.Start);
  file.writeSync(crypto.getRandomValues(new Uint8Array(PAGE)));
}

Deno.test("with a damaged state database the agent saves what it can, says what it lost, and goes on", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  const database = `${fleet.home}/state/sallyport.db`;
  const aside = () =>
    [...Deno.readDirSync(`${fleet.home}/state`)].map(({ name }) => name).filter((name) =>
      /unreadable-[^-]*-.*Z$/.test(name)
    );
  const documentsOut = (count: number) =>
    eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === count);
  for (const folder of ["in", "done"]) await Deno.mkdir(`${fleet.home}/data/${folder}`, { recursive: true });
  const done = (count: number) =>
    eventually(() => [...Deno.readDirSync(`${fleet.home}/data/done`)].length, (files) => files === count);

  // While the platform is away, records pile up; then the disk tears a page of them.
  const first = fleet.startAgent();
  await first.connected();
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  await fleet.stopPlatform();
  for (let n = 0; n < 40; n++) await fleet.drop(`data/in/a${n}.csv`, "id,amount\n1,2\n");
  await done(40);
  const waiting = async () =>
    (await fleet.json<{ spool: { waiting: number }[] }>(["status"])).spool[0]?.waiting ?? 0;
  const before = await eventually(waiting, (count) => count >= 2);
  assertEquals(await first.stop("SIGKILL"), 137);
  tear(database, "spool");
  await fleet.startPlatform();

  const second = fleet.startAgent();
  await second.connected();
  await second.line(({ message }) => message.startsWith("the state database was set aside"));
  assertEquals(aside().length, 1);
  const { gaps: [gap] } = await eventually(
    () => fleet.api.get<Gaps>("/gaps"),
    ({ gaps }) => gaps.length === 1,
  );
  assertEquals(gap?.reason, "damaged");
  assert(gap!.records > 0 && gap!.records <= before, `${gap!.records} of ${before} records`);
  assertStringIncludes(gap!.why, "could not be saved");
  const egress = await fleet.json<{ entries: { class: string; records: string }[] }>(["egress"]);
  assert(egress.entries.some((entry) => entry.class === "recovery" && entry.records.includes(aside()[0]!)));
  await fleet.drop("data/in/b.csv", "id,amount\n1,2\n");
  await done(41);

  // The next page is torn while the agent runs, and found when it is read.
  await eventually(waiting, (count) => count === 0);
  const from = second.lines.length;
  tear(database, "engine_processes");
  {
    using db = openDatabase(database); // another process has changed something: what is in memory is read anew
    db.exec("CREATE TABLE nudge (a)");
  }
  await second.line(({ message }) => message.startsWith("the state database was set aside"), from);
  await second.connected(from);
  assertEquals(aside().length, 2);
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  const { documents } = await fleet.api.get<Summary>("/summary");
  await fleet.drop("data/in/c.csv", "id,amount\n1,2\n");
  await documentsOut(documents.out + 1);
  assertEquals(await second.stop(), 0);
});
