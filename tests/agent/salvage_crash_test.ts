import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { setAsideDatabases } from "../../src/agent/salvage/files.ts";
import { openDatabase, queryOne } from "../../src/base/sqlite.ts";
import { temporaryFolder } from "../support/home.ts";
import { damageable, tearLeaf } from "./damaged_database.ts";

const CHILD = fromFileUrl(new URL("salvage_child.ts", import.meta.url));
const KILLS = 25;

/** A start of the agent: its log, line by line. */
function start(home: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", CHILD, home],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  return { child, log: child.stderr.pipeThrough(new TextDecoderStream()).getReader() };
}

function killIfAlive(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has ended by itself
  }
}

/** Lets a start come to its end; gives the milliseconds that the salvage took. */
async function finish(home: string): Promise<{ text: string; ms: number }> {
  const { child, log } = start(home);
  let [text, begun] = ["", 0];
  for (let part; !(part = await log.read()).done;) {
    begun ||= performance.now();
    text += part.value;
  }
  assertEquals((await child.status).code, 0, text);
  return { text, ms: performance.now() - begun };
}

Deno.test("killed at random moments while it saves a damaged database, the agent comes up with all that could be read", async () => {
  using home = temporaryFolder();
  const path = `${home.path}/state/sallyport.db`;
  await Deno.mkdir(`${home.path}/state`);
  using t = damageable();
  t.db.close();
  tearLeaf(t.path, "spool");
  const prepare = () => Deno.copyFile(t.path, path);
  const sizes = () => {
    using db = openDatabase(path);
    const count = (table: string) => queryOne<{ n: number }>(db, `SELECT count(*) AS n FROM ${table}`)()!.n;
    return ["spool", "ledger", "engine_marks", "engine_runs", "salvages"].map(count);
  };
  const clear = async () => {
    for await (const { name } of Deno.readDir(`${home.path}/state`)) {
      await Deno.remove(`${home.path}/state/${name}`);
    }
  };

  await prepare();
  const { ms } = await finish(home.path);
  const expected = sizes();
  let cut = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await clear();
    await prepare();
    // One or two starts are killed, and the last one may do its work.
    for (let n = 0; n <= kill % 2; n++) {
      const { child, log } = start(home.path);
      await log.read(); // it has begun
      const timer = setTimeout(() => killIfAlive(child), Math.random() * ms);
      while (!(await log.read()).done);
      clearTimeout(timer);
      if ((await child.status).signal === "SIGKILL") cut++;
    }
    const { text } = await finish(home.path);
    assertEquals(sizes(), expected, text);
    assertEquals((await setAsideDatabases(path)).length, 1);
    const left = [...Deno.readDirSync(`${home.path}/state`)].map(({ name }) => name);
    assert(!left.some((name) => name.includes(".new") || name === "damaged"), left.join());
  }
  assert(cut > KILLS / 4, `only ${cut} were killed in time`);
});
