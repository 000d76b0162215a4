import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import fc from "fast-check";
import { systemClock } from "../../../src/base/clock.ts";
import { MAX_RUN_LOG_BYTES } from "../../../src/base/limits.ts";
import { createLog, silentLog } from "../../../src/base/log.ts";
import { LineFile } from "../../../src/engine/logs/line_file.ts";
import { LineReader } from "../../../src/engine/logs/line_reader.ts";
import { readRunLog } from "../../../src/engine/logs/read.ts";
import { sweepLogs } from "../../../src/engine/logs/sweep.ts";
import { recoverRuns } from "../../../src/engine/recovery.ts";
import { TestClock } from "../../support/clock.ts";
import { temporaryFolder } from "../../support/home.ts";
import { canMount, SmallDisk } from "../../support/small_disk.ts";
import { ORDERS, until } from "../support.ts";
import { LogHome, ofKind, texts } from "./support.ts";

const CHILD = fromFileUrl(new URL("crash_child.ts", import.meta.url));

Deno.test("log: killed in the middle of writing, at most the last line is torn, and that is said", async () => {
  for (let kill = 0; kill < 5; kill++) {
    await using home = new LogHome();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-all", CHILD, home.path, ORDERS],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.getReader();
    const runId = new TextDecoder().decode((await reader.read()).value).trim();
    const size = () => Deno.statSync(`${home.logs}/${runId}.ndjson`).size;
    await until(() => size() > (kill + 1) * 50_000);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    // Whatever moment it was: a line that was half written when it came is what the reader must survive.
    if (kill % 2 === 1) {
      const path = `${home.logs}/${runId}.ndjson`;
      await Deno.truncate(path, (await Deno.stat(path)).size - 10);
    }

    const { dataFolder } = home;
    const { runs, logs } = home.idle();
    await recoverRuns({ runs, logs, dataFolder, log: silentLog });
    const records = await home.log({ runId });
    const messages = texts(records);
    const numbers = messages.filter((text) => text.startsWith("message ")).map((text) =>
      Number(text.slice(8))
    );
    assert(numbers.length > 100, "nothing was tried");
    assertEquals(numbers, numbers.map((_, i) => numbers[0]! + i));
    assertEquals(messages.at(-1), "the run was interrupted; its inputs will be read again");
    const gaps = ofKind(records, "gap").filter(({ reason }) => reason !== "over-cap");
    assertEquals(
      gaps.map(({ reason, records }) => [reason, records]),
      kill % 2 === 1 ? [["cut-short", 1]] : [],
    );
    const [{ outcome, levels }] = ofKind(records, "summary") as [never];
    assertEquals(outcome, "interrupted");
    assertEquals((levels as { warning: number }).warning, 1);
  }
});

Deno.test("log: a run that was killed after its end, before its log had one, says that the log is short", async () => {
  await using home = new LogHome();
  const run = home.begin();
  run.runLog.log.info("first");
  run.runs.finishAbandoned(run.head, {
    outcome: "failed",
    documents: { in: 0, out: 0, filtered: 0, failed: 0 },
    bytesIn: 0,
    bytesOut: 0,
    files: [],
  });
  const gap = { kind: "gap", reason: "cut-short", records: 0, bytes: 0 };
  assertEquals((await home.log({ runId: run.runId })).at(-1), gap as never);
  assertEquals((await home.log({ runId: run.runId, follow: true })).at(-1), gap as never);
  run.logs.close(run.runLog, run.head, { ended: false });
});

Deno.test("log: one run keeps what its cap allows, the newest, and says how much went", async () => {
  await using home = new LogHome();
  const run = home.begin();
  const filler = "x".repeat(400);
  const total = 60_000;
  for (let n = 0; n < total; n++) run.runLog.log.info(`message ${n}`, { filler });
  run.finish();
  const sizes = [...Deno.readDirSync(home.logs)].map(({ name }) => Deno.statSync(join(home.logs, name)).size);
  assert(sizes.length === 2 && sizes.reduce((sum, size) => sum + size) <= MAX_RUN_LOG_BYTES);
  const records = await home.log({ runId: run.runId });
  const [gap, ...more] = ofKind(records, "gap");
  assertEquals([gap!.reason, more], ["over-cap", []]);
  assertEquals(
    texts(records),
    Array.from({ length: total - gap!.records }, (_, i) => `message ${gap!.records + i}`),
  );
  assertEquals(ofKind(records, "summary")[0]!.levels.info, total);
  assertEquals(gap!.bytes > gap!.records * 400, true);
});

Deno.test("log: one that is far over its cap is read a few lines at a time", async () => {
  await using home = new LogHome();
  const run = home.begin();
  run.runLog.log.info("first", { filler: "x".repeat(400) });
  run.finish();
  const path = join(home.logs, `${run.runId}.ndjson`);
  const lines = (await Deno.readTextFile(path)).split("\n");
  const message = lines.findIndex((line) => line.includes('"first"'));
  const block = new TextEncoder().encode(`${lines[message]}\n`.repeat(4_000));
  const blocks = 60; // 120 MiB
  {
    using file = await Deno.open(path, { write: true, truncate: true });
    await file.write(new TextEncoder().encode(`${lines.slice(0, message).join("\n")}\n`));
    for (let n = 0; n < blocks; n++) {
      for (let at = 0; at < block.length;) at += await file.write(block.subarray(at));
    }
    await file.write(new TextEncoder().encode(lines.slice(message).join("\n")));
  }
  const before = Deno.memoryUsage().rss;
  let count = 0;
  let most = 0;
  for await (const { kind } of readRunLog({ runId: run.runId }, home.source, new AbortController().signal)) {
    if (kind === "message" && count++ % 10_000 === 0) most = Math.max(most, Deno.memoryUsage().rss);
  }
  assertEquals(count, blocks * 4_000 + 1);
  assert(most - before < 64 * 2 ** 20, `${(most - before) / 2 ** 20} MiB more`);
});

Deno.test("log: of all runs the oldest go first, by age, number and room; those under way stay", () => {
  using home = temporaryFolder();
  const clock = new TestClock(Date.UTC(2026, 5, 1));
  const id = (n: number) => `0000000${n}-0000-7000-8000-000000000000`;
  const fill = () => {
    for (let n = 0; n < 6; n++) {
      for (const name of [`${id(n)}.ndjson`, `${id(n)}.errors.ndjson`]) {
        Deno.writeTextFileSync(join(home.path, name), "x".repeat(50));
        Deno.utimeSync(join(home.path, name), clock.now() / 1000 - 100 + n, clock.now() / 1000 - 100 + n);
      }
    }
    Deno.writeTextFileSync(join(home.path, "README"), "not ours");
  };
  const left = () =>
    [...new Set([...Deno.readDirSync(home.path)].map(({ name }) => name.slice(0, 8)))].sort();
  const none = new Set<string>();
  const all = { bytes: 10_000, logs: 10, ageMs: 1e9 };
  const names = (...numbers: number[]) => [...numbers.map((n) => id(n).slice(0, 8)), "README"];

  fill();
  assertEquals(sweepLogs(home.path, clock, none, all), { logs: 0, bytes: 0 });
  assertEquals(sweepLogs(home.path, clock, none, { ...all, bytes: 450 }), { logs: 2, bytes: 200 });
  assertEquals(left(), names(2, 3, 4, 5));
  fill();
  sweepLogs(home.path, clock, new Set([id(0)]), { ...all, logs: 3 });
  assertEquals(left(), names(0, 4, 5));
  fill();
  sweepLogs(home.path, clock, none, { ...all, ageMs: 97_500 });
  assertEquals(left(), names(3, 4, 5));
});

Deno.test({
  name: "log: a full disk fails no run, and the log says how many lines are missing (needs root for a tmpfs)",
  ignore: !canMount,
  async fn() {
    await using home = new LogHome();
    await using disk = await SmallDisk.inMemory(home.logs, "64k");
    const ballast = join(home.logs, "ballast");
    await Deno.writeFile(ballast, new Uint8Array(40 * 1024));
    const run = home.begin();
    const total = 300;
    for (let n = 0; n < total; n++) {
      if (n === 200) await Deno.remove(ballast);
      run.runLog.log.info(`message ${n}`, { filler: "x".repeat(n % 300) });
    }
    run.finish();
    const records = await home.log({ runId: run.runId });
    const [gap, ...more] = ofKind(records, "gap");
    assertEquals([gap!.reason, more], ["unwritable", []]);
    const numbers = texts(records).map((text) => Number(text.slice(8)));
    assertEquals(numbers.length + gap!.records, total);
    assertEquals(numbers.at(-1), total - 1);
    assert(gap!.records > 50 && numbers.every((n, i) => i === 0 || n > numbers[i - 1]!));
    assertEquals(ofKind(records, "summary")[0]!.levels.info, total);

    // No room at all, from the start to the end: the run succeeds, and the engine's log says what is missing.
    await disk.fill();
    const lines: string[] = [];
    const log = createLog({ clock: systemClock, format: "json", write: (line) => lines.push(line) });
    await home.write("in/a.csv", "id,total\n1,1\n");
    assertEquals((await home.run(ORDERS, { log })).outcome, "succeeded");
    assert(
      lines.some((line) => line.includes("lines of a run's log could not be written")),
      lines.join("\n"),
    );
  },
});

Deno.test("log: a folder that cannot be written fails no run", async () => {
  await using home = new LogHome();
  await Deno.writeTextFile(home.logs, "a file where the folder should be");
  await home.write("in/a.csv", "id,total\n1,1\n2,x\n");
  assertEquals((await home.run(ORDERS)).outcome, "partial");
});

Deno.test("log: whatever is written in whatever pieces, between crashes, comes out in its order", async () => {
  const line = fc.string({ maxLength: 300 }).map((text) => JSON.stringify(text));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(line, fc.constantFrom("goes on", "is killed", "is torn"))),
      async (script) => {
        using folder = temporaryFolder();
        const path = join(folder.path, "lines");
        let file = new LineFile({ path });
        const wanted: string[] = [];
        for (const [text, fate] of script) {
          file.append(`${text}\n`, 1);
          wanted.push(text);
          if (fate === "goes on") continue;
          file.close();
          if (fate === "is torn") {
            wanted[wanted.length - 1] = text.slice(0, -1);
            Deno.truncateSync(path, Deno.statSync(path).size - 2);
          }
          file = new LineFile({ path });
        }
        file.append("end\n", 1);
        file.close();
        using reader = new LineReader(await Deno.open(path));
        const read: (string | undefined)[] = [];
        for await (const lines of reader.lines()) read.push(...lines.map(({ text }) => text));
        assertEquals(read, [...wanted, "end"]);
        assertEquals(reader.unfinishedBytes, 0);
      },
    ),
    { numRuns: 40 },
  );
});
