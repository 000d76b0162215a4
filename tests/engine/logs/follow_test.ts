import { assert, assertEquals } from "@std/assert";
import { readRunLog } from "../../../src/engine/logs/read.ts";
import type { LogRecord } from "../../../src/protocol/payloads/logs.ts";
import { ORDERS, until } from "../support.ts";
import { LogHome, ofKind, texts } from "./support.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("follow: messages come while the run goes on, and it ends with the run's summary", async () => {
  await using home = new LogHome();
  const run = home.begin();
  run.runLog.log.info("before");
  const records: LogRecord[] = [];
  const never = new AbortController().signal;
  const following = (async () => {
    for await (const record of readRunLog({ runId: run.runId, follow: true }, home.source, never)) {
      records.push(record);
    }
  })();
  await until(() => texts(records).includes("before"));
  await pause(50); // it waits now
  const started = performance.now();
  run.runLog.log.warn("meanwhile");
  await until(() => texts(records).includes("meanwhile"));
  assert(performance.now() - started < 900, "it came by the slow poll");
  run.finish();
  await following;
  assertEquals(texts(records), ["before", "meanwhile"]);
  const [first, ...later] = ofKind(records, "summary");
  assertEquals([first!.outcome, later.at(-1)!.outcome], [undefined, "succeeded"]);
  assertEquals(later.at(-1)!.levels, { debug: 0, info: 1, warning: 1, error: 0 });
});

Deno.test("follow: a real run is seen to its end, through all its steps", async () => {
  await using home = new LogHome();
  for (let n = 0; n < 40; n++) await home.write(`in/${n}.csv`, "id,total\n1,1\n2,x\n");
  let following: Promise<LogRecord[]> | undefined;
  const onProgress = () => {
    const { id } = home.db.prepare("SELECT id FROM engine_runs").get() as { id: string };
    following ??= home.log({ runId: id, follow: true });
  };
  const { head: { runId } } = await home.run(ORDERS, { onProgress });
  const records = await following!;
  assertEquals(texts(records), texts(await home.log({ runId })));
  assertEquals(ofKind(records, "step").slice(-3).map(({ step, in: read, failed }) => [step, read, failed]), [
    ["source", 80, 0],
    ["steps[0].map", 80, 40],
    ["sink", 40, 0],
  ]);
});

Deno.test("follow: files that are put away while somebody reads are read to their end, each line once", async () => {
  await using home = new LogHome();
  const run = home.begin();
  const total = 45_000; // three files
  const following = home.log({ runId: run.runId, follow: true });
  for (let n = 0; n < total; n++) {
    run.runLog.log.info(`message ${n}`, { filler: "x".repeat(400) });
    if (n % 200 === 0) await pause(0);
  }
  run.finish();
  const records = await following;
  const missing = ofKind(records, "gap").reduce((sum, { records }) => sum + records, 0);
  const numbers = texts(records).map((text) => Number(text.slice(8)));
  assertEquals(numbers.length + missing, total);
  assert(numbers.every((n, i) => i === 0 || n > numbers[i - 1]!));
});

Deno.test("follow: an abort ends it at once and without an error", async () => {
  await using home = new LogHome();
  const run = home.begin();
  const stop = new AbortController();
  const following = home.log({ runId: run.runId, follow: true }, undefined, stop.signal);
  await pause(50);
  const started = performance.now();
  stop.abort();
  assertEquals(texts(await following), []);
  assert(performance.now() - started < 900);
  run.finish();
});

Deno.test("log: a run under way is read without following, as far as it is", async () => {
  await using home = new LogHome();
  const run = home.begin();
  run.runLog.log.info("so far");
  const records = await home.log({ runId: run.runId });
  assertEquals([texts(records), ofKind(records, "gap")], [["so far"], []]);
  assertEquals(ofKind(records, "summary")[0]!.levels.info, 1);
  run.finish();
});
