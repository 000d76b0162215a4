import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import fc from "fast-check";
import { Allowance } from "../../src/base/allowance.ts";
import { Backoff } from "../../src/base/backoff.ts";
import { sleep } from "../../src/base/clock.ts";
import { asSallyportError, messageOf, SallyportError } from "../../src/base/errors.ts";
import { exists, setAside, writeAtomic } from "../../src/base/files.ts";
import { formatUuid, parseUuid, uuidv7 } from "../../src/base/ids.ts";
import type { Json } from "../../src/base/json.ts";
import { canonicalJson } from "../../src/base/json.ts";
import { createLog } from "../../src/base/log.ts";
import { migrate, openDatabase, transaction } from "../../src/base/sqlite.ts";
import { table } from "../../src/base/table.ts";
import { printable } from "../../src/base/terminal.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase, temporaryFolder } from "../support/home.ts";

Deno.test("backoff stays below a ceiling that doubles, never below what a server asked for, and starts over", () => {
  const highest = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 0.999999 });
  const waits = [1, 2, 3, 4, 5, 6].map(() => Math.round(highest.next()));
  assertEquals(waits, [100, 200, 400, 800, 1_000, 1_000]);
  assert(highest.next(5_000) >= 5_000);
  highest.reset();
  assertEquals(Math.round(highest.next()), 100);
});

Deno.test("a sleep ends with its time or with its signal, and leaves no timer behind", async () => {
  const clock = new TestClock();
  const stop = new AbortController();
  let woken = 0;
  sleep(clock, 1_000).then(() => woken++);
  sleep(clock, 9_000, stop.signal).then(() => woken++);
  await clock.advance(1_000);
  assertEquals(woken, 1);
  stop.abort();
  await clock.advance(0);
  assertEquals(woken, 2);
});

Deno.test("canonical JSON does not depend on the order in which keys were set, and says the same as JSON", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = canonicalJson(value as Json);
    assertEquals(
      JSON.stringify(JSON.parse(text)),
      JSON.stringify(JSON.parse(canonicalJson(JSON.parse(text)))),
    );
    assertEquals(canonicalJson(JSON.parse(JSON.stringify(value))), text);
  }));
  assertEquals(canonicalJson({ b: 1, a: [{ d: null, c: "x" }] }), '{"a":[{"c":"x","d":null}],"b":1}');
});

Deno.test("UUIDs of version 7 sort by their time and survive their text form", async () => {
  const clock = new TestClock();
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) {
    ids.push(uuidv7(clock));
    await clock.advance(5);
  }
  assertEquals([...ids].sort(), ids);
  for (const id of ids) assertEquals(formatUuid(parseUuid(id)!), id);
  assertEquals(parseUuid("not a uuid"), undefined);
});

Deno.test("an atomic write replaces the whole file or leaves it as it was", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  await writeAtomic(path, "old");
  await writeAtomic(path, "new", { mode: 0o600 });
  assertEquals(await Deno.readTextFile(path), "new");
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  await assertRejects(() => writeAtomic(`${folder.path}/none/file`, "x"), Deno.errors.NotFound);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["file"]);
});

Deno.test("what cannot be read is moved aside under a name that says when", async () => {
  using folder = temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/state`, "torn");
  const aside = await setAside(`${folder.path}/state`, new TestClock());
  assertEquals(aside.endsWith("state.unreadable-2026-01-01T00-00-00-000Z"), true);
  assertEquals(await exists(`${folder.path}/state`), false);
});

Deno.test("a file that is no database is an error that names it, and stays as it is", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/state.db`;
  await Deno.writeTextFile(path, "not a database, but long enough to have a header of its own ".repeat(20));
  const error = assertThrows(() => openDatabase(path), SallyportError);
  assertEquals(error.code, "state.unreadable");
  assert((await Deno.readTextFile(path)).startsWith("not a database"));
});

Deno.test("migrations run once each, in order, and a newer database is refused", () => {
  using home = temporaryDatabase();
  migrate(home.db, "room", ["CREATE TABLE a (x)"]);
  migrate(home.db, "room", ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"]);
  home.db.exec("INSERT INTO a VALUES (1, 2)");
  assertThrows(() => migrate(home.db, "room", ["CREATE TABLE a (x)"]), SallyportError, "version 2");
});

Deno.test("a transaction that throws leaves nothing behind", () => {
  using home = temporaryDatabase();
  home.db.exec("CREATE TABLE a (x)");
  assertThrows(() =>
    transaction(home.db, () => {
      home.db.exec("INSERT INTO a VALUES (1)");
      throw new Error("no");
    })
  );
  assertEquals(home.db.prepare("SELECT count(*) AS n FROM a").get()?.n, 0);
});

Deno.test("errors say their causes once, and the unforeseen asks for a report", () => {
  const inner = new Error("disk on fire");
  assertEquals(messageOf(new Error("cannot write", { cause: inner })), "cannot write: disk on fire");
  assertEquals(asSallyportError(inner).code, "internal");
  const own = new SallyportError("usage", "no");
  assertEquals(asSallyportError(own), own);
});

Deno.test("log lines are JSON with the facts of their part, below their level they are not written", () => {
  const lines: string[] = [];
  const log = createLog({ clock: new TestClock(), format: "json", write: (line) => lines.push(line) });
  log.child({ part: "pump" }).warn("slow", { n: 3 });
  log.debug("not shown");
  assertEquals(lines.map((line) => JSON.parse(line)), [
    { time: "2026-01-01T00:00:00.000Z", level: "warn", message: "slow", part: "pump", n: 3 },
  ]);
});

Deno.test("a line that comes again is counted, and a fact that is too long is cut: nobody can fill a disk with them", async () => {
  const lines: Record<string, unknown>[] = [];
  const clock = new TestClock();
  const log = createLog({ clock, format: "json", write: (line) => lines.push(JSON.parse(line)) });
  for (let n = 0; n < 1_000; n++) log.child({ part: "a" }).warn("refused", { reason: "x".repeat(1_000_000) });
  log.info("something else");
  assertEquals(lines.map(({ message, times }) => [message, times]), [
    ["refused", undefined],
    ["the line before came again", 999],
    ["something else", undefined],
  ]);
  assert(String(lines[0]!.reason).length < 3_000);
  log.info("something else");
  await clock.advance(60_000);
  log.info("something else");
  assertEquals(lines.slice(3).map(({ message }) => message), [
    "the line before came again",
    "something else",
  ]);
});

Deno.test("tables line up, also with wide characters; control characters cannot reach the terminal", () => {
  const text = table([{ title: "Name" }, { title: "N", align: "right" }], [["東京", "5"], ["a", "10"]]);
  assertEquals(stripAnsiCode(text), "Name   N\n東京   5\na     10");
  assertEquals(printable("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
});

Deno.test("a full disk is called so, whether the file system or SQLite finds out", () => {
  using home = temporaryDatabase();
  home.db.exec("CREATE TABLE a (x); PRAGMA max_page_count = 4");
  const thrown = assertThrows(() =>
    transaction(home.db, () => {
      for (let n = 0; n < 100; n++) home.db.prepare("INSERT INTO a VALUES (?)").run("x".repeat(1_000));
    })
  );
  const error = asSallyportError(thrown);
  assertEquals([error.code, error.retryable], ["disk.full", true]);
  assert(error.remedy);
  assertEquals(asSallyportError(Object.assign(new Error("no space"), { code: "ENOSPC" })).code, "disk.full");
});

Deno.test("an allowance is used up, says when there is more, and never saves up more than a minute of it", async () => {
  const clock = new TestClock();
  const allowance = new Allowance(2, clock);
  assertEquals([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
  assertEquals(allowance.waitMs, 30_000);
  await clock.advance(30_000);
  assertEquals([allowance.take(), allowance.take()], [true, false]);
  await clock.advance(600_000);
  assertEquals([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
});
