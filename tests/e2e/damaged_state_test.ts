import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openDatabase, query } from "../../src/base/sqlite.ts";
import type { AgentProgram, LogLine, RunningAgent } from "../../scripts/lib/agent_process.ts";
import { agentFromSource } from "../../scripts/lib/agent_process.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import { COPY_PROCESS, eventually, Fleet, freePort } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const PAGE = 4096;
const ONE_PROGRAM = [["run"]];
const TWO_HALVES = [["run", "--half", "gatehouse"], ["run", "--half", "engine"]];

const whyNot = await whyNoExecutable();
if (whyNot) console.log(`What the executable does with a damaged database is not tested: ${whyNot}`);

/** Where the program of a test comes from, for one platform; `folder` is for what it needs. */
type Source = (authority: string, folder: string) => Promise<AgentProgram>;

const fromSource: Source = (authority) => agentFromSource(authority);
const executable: Source = (authority, folder) => compileAgent(authority, `${folder}/sallyport`);

interface Gaps {
  gaps: { reason: string; records: number; why: string }[];
}

interface Status {
  spool: { waiting: number }[];
  setAside: { file: string; lost: string }[];
}

/** Writes nonsense over pages of a table, as a bad disk does. */
function tear(path: string, tables: readonly string[]): void {
  using db = openDatabase(path);
  db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  for (const table of tables) {
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
}

/** An agent that runs as one program or as two. */
class Agent {
  readonly #parts: RunningAgent[];

  constructor(fleet: Fleet, words: readonly string[][]) {
    this.#parts = words.map((each) => fleet.startAgent(each));
  }

  /** How many lines each of its programs has written. */
  mark(): number[] {
    return this.#parts.map(({ lines }) => lines.length);
  }

  connected(from: number[] = this.#parts.map(() => 0)): Promise<unknown> {
    return this.#parts[0]!.connected(from[0]);
  }

  /** The line with which one of its programs says that it has set the database aside. */
  setAside(from: number[] = this.#parts.map(() => 0)): Promise<LogLine> {
    const isIt = ({ message }: LogLine) => message.startsWith("the state database was set aside");
    return Promise.any(this.#parts.map((part, i) => part.line(isIt, from[i])));
  }

  stop(signal: Deno.Signal): Promise<number[]> {
    return Promise.all(this.#parts.map((part) => part.stop(signal)));
  }
}

async function survivesDamage(source: Source, words: readonly string[][]): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const port = await freePort();
    const program = await source(`127.0.0.1:${port}`, folder);
    await using fleet = await Fleet.start(() => Promise.resolve(program), port);
    await fleet.enrol();
    await fleet.api.publish("copy", COPY_PROCESS);
    await survives(fleet, words);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function survives(fleet: Fleet, words: readonly string[][]): Promise<void> {
  const database = `${fleet.home}/state/sallyport.db`;
  const status = () => fleet.json<Status>(["status"]);
  const waiting = async () => (await status()).spool[0]?.waiting ?? 0;
  const filesIn = (path: string) => [...Deno.readDirSync(`${fleet.home}/data/${path}`)].length;
  const done = (count: number) => eventually(() => filesIn("done"), (files) => files === count);
  for (const path of ["in", "done"]) await Deno.mkdir(`${fleet.home}/data/${path}`, { recursive: true });

  // While the platform is away, records pile up; then the disk tears pages of them and of the ledger.
  const first = new Agent(fleet, words);
  await first.connected();
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  await fleet.stopPlatform();
  for (let n = 0; n < 40; n++) await fleet.drop(`data/in/a${n}.csv`, "id,amount\n1,2\n");
  await done(40);
  const before = await eventually(waiting, (count) => count >= 2);
  assertEquals(await first.stop("SIGKILL"), words.map(() => 137));
  tear(database, ["spool", "ledger"]);
  await fleet.startPlatform();

  const second = new Agent(fleet, words);
  await second.setAside();
  await second.connected();
  const [kept] = (await status()).setAside;
  assertMatch(kept!.file, /^sallyport\.db\.unreadable-[\dTZ-]+$/);
  assertStringIncludes(kept!.lost, "tracking records");
  assertStringIncludes(kept!.lost, "parts of ");
  const { gaps: [gap] } = await eventually(
    () => fleet.api.get<Gaps>("/gaps"),
    ({ gaps }) => gaps.length === 1,
  );
  assertEquals(gap?.reason, "damaged");
  assert(gap!.records > 0 && gap!.records <= before, `${gap!.records} of ${before} records`);
  assertStringIncludes(gap!.why, "could not be saved");
  const told = await eventually(() => fleet.agentView(), ({ health }) => health?.conditions.length === 1);
  const [condition] = told.health!.conditions;
  assertEquals([condition!.code, condition!.severity], ["state.damaged", "warning"]);
  assertStringIncludes(condition!.reason, kept!.file);
  assertStringIncludes((await fleet.run(["doctor"])).stdout, kept!.file);

  // The ledger goes on, and says itself what it lacks; nobody has written down what was not sent.
  const verify = () =>
    fleet.json<{ whole: boolean; fault?: unknown; lost?: { entries: unknown[] } }>(["egress", "verify"]);
  const { whole, fault, lost } = await verify();
  assertEquals([whole, fault], [false, undefined]);
  assert(lost!.entries.length > 0);
  const { entries } = await fleet.json<{ entries: { kind: string; class: string }[] }>(["egress"]);
  assertEquals(
    new Set(entries.map((entry) => entry.class)).difference(new Set(["", "status", "tracking"])).size,
    0,
  );
  await fleet.drop("data/in/b.csv", "id,amount\n1,2\n");
  await done(41);

  // The next page is torn while the agent runs, and found when it is read.
  await eventually(waiting, (count) => count === 0);
  const from = second.mark();
  tear(database, ["engine_processes"]);
  {
    using db = openDatabase(database); // another process has changed something: what is in memory is read anew
    db.exec("CREATE TABLE nudge (a)");
  }
  await second.setAside(from);
  await second.connected(from);
  assertEquals((await status()).setAside.length, 2);
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  const { documents } = await fleet.api.get<Summary>("/summary");
  await fleet.drop("data/in/c.csv", "id,amount\n1,2\n");
  await eventually(
    () => fleet.api.get<Summary>("/summary"),
    (now) => now.documents.out === documents.out + 1,
  );
  for (const { file } of (await status()).setAside) await Deno.remove(`${fleet.home}/state/${file}`);
  await eventually(() => fleet.agentView(), ({ health }) => health?.conditions.length === 0);
  assertEquals((await verify()).fault, undefined);
  assertEquals(await second.stop("SIGTERM"), words.map(() => 0));
}

for (
  const [name, source, words] of [
    ["from source as one program", fromSource, ONE_PROGRAM],
    ["from source as two halves", fromSource, TWO_HALVES],
    ["compiled, as one program", executable, ONE_PROGRAM],
    ["compiled, as two halves", executable, TWO_HALVES],
  ] as const
) {
  Deno.test({
    name:
      `with a damaged state database the agent saves what it can, says what it lost, and goes on: ${name}`,
    ignore: source === executable && whyNot !== undefined,
    fn: () => survivesDamage(source, words),
  });
}

Deno.test("a state database that is gone is not taken for a first start: the ledger says what it lacks, and goes on behind it", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const first = fleet.startAgent();
  await first.connected();
  assertEquals(await first.stop(), 0);
  const { head } = await fleet.json<{ head: { number: number } }>(["egress", "verify"]);
  await Deno.remove(`${fleet.home}/state/sallyport.db`);

  const second = fleet.startAgent();
  await second.line(({ code, level }) => code === "ledger.went-back" && level === "warn");
  await second.connected();
  const view = await eventually(() => fleet.agentView(), ({ health }) => health?.conditions.length === 1);
  assertEquals(view.health?.conditions[0]?.code, "ledger.went-back");
  const { gaps } = await eventually(() => fleet.api.get<Gaps>("/gaps"), ({ gaps }) => gaps.length > 0);
  assertEquals(gaps.map(({ reason }) => reason), ["rolled-back"]);
  const { code, stdout } = await fleet.run(["egress", "verify"]);
  assertEquals(code, 8);
  assertStringIncludes(stdout, `entries 1 to ${head.number}, or more, are lost; it goes on with `);
  const { entries } = await fleet.json<{ entries: { number: number }[] }>(["egress"]);
  assert(entries.every(({ number }) => number > head.number));
  assertEquals(await second.stop(), 0);
});
