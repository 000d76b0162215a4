import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { createLog } from "../../../src/base/log.ts";
import { runOnce } from "../../../src/engine/run_once.ts";
import type { Step } from "../../../src/engine/steps/step.ts";
import { RUN_ERRORS } from "../../../src/protocol/run_errors.ts";
import { define, ORDERS } from "../support.ts";
import { LogHome, ofKind } from "./support.ts";

Deno.test("errors: each failed document with its step, file, row and line, and what to do", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,2.5\n2,x\n3\n");
  await home.write("in/b.csv", "id,total\n9,y\n");
  const { head: { runId }, documents } = await home.run(ORDERS);
  const records = await home.errors(runId);
  const [run] = ofKind(records, "run");
  assertEquals([run!.outcome, run!.documents], ["partial", documents]);
  const { retryable, remedy } = RUN_ERRORS["document.rejected"];
  const [first, ...others] = ofKind(records, "document").map(({ time: _, kind: __, ...rest }) => rest);
  assertEquals(first, {
    code: "document.rejected",
    step: "steps[0].map",
    file: { name: "a.csv", directory: "data/in" },
    row: 2,
    line: 3,
    message: 'the field "total" is not a number',
    retryable,
    remedy,
  });
  assertEquals(others.map(({ code, step, file, row }) => [code, step, file.name, row]), [
    ["document.malformed", "source", "a.csv", 3],
    ["document.rejected", "steps[0].map", "b.csv", 1],
  ]);
  assertEquals(records.length, 4);
});

Deno.test("errors: an input that failed as a whole says why, with its causes, and takes its documents' failures along", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,x\n");
  await home.write("in/b.csv", "id,total\n2,x\n3,x\n");
  let batches = 0;
  const onProgress = () => ++batches === 2 && Deno.removeSync(home.data("in/b.csv"));
  const { head: { runId }, documents } = await home.run(ORDERS, { onProgress });
  const records = await home.errors(runId);
  const [error] = ofKind(records, "error");
  assertEquals([error!.scope, error!.code, error!.step, error!.file?.name, error!.retryable], [
    "input",
    "file.missing",
    "source",
    "b.csv",
    false,
  ]);
  assertEquals(ofKind(records, "document").map(({ file }) => file.name), ["a.csv"]);
  assertEquals(documents.failed, 1);
  const steps = ofKind(await home.log({ runId }), "step");
  assertEquals(steps.map(({ in: read, failed }) => [read, failed]), [[1, 0], [1, 1], [0, 0]]);
});

Deno.test("errors: what ended a run comes with the words of the operating system", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("out", "a file where a folder should be");
  const { head: { runId }, error: recorded } = await home.run(ORDERS);
  const [error] = ofKind(await home.errors(runId), "error");
  assertEquals([error!.scope, error!.code, error!.step], ["run", recorded!.code, "sink"]);
  assert(error!.retryable && error!.remedy.length > 0);
  const [cause] = error!.causes;
  assertEquals([cause!.name, cause!.code], ["NotADirectory", "ENOTDIR"]);
  assertStringIncludes(cause!.message!, "os error");
});

Deno.test("errors: a defect's own words are left out everywhere, for they may quote a document", async () => {
  await using home = new LogHome();
  const lines: string[] = [];
  const apply: Step["apply"] = ({ documents }) => {
    throw new SyntaxError(`Unexpected token in ${JSON.stringify(documents)}`, { cause: "c4n4ry" });
  };
  const process = { ...define(ORDERS), steps: [{ field: "steps[0].map", start: () => ({ apply }) }] };
  await home.write("in/a.csv", "id,total\nc4n4ry,1\n");
  const { db, databasePath, dataFolder, outbox } = home;
  const { head: { runId }, outcome } = await runOnce(process, {
    db,
    databasePath,
    dataFolder,
    outbox,
    clock: systemClock,
    log: createLog({ clock: systemClock, format: "json", level: "debug", write: (line) => lines.push(line) }),
    signal: new AbortController().signal,
  });
  assertEquals(outcome, "failed");
  const [error] = ofKind(await home.errors(runId), "error");
  assertEquals([error!.code, error!.step], ["internal", "steps[0].map"]);
  assertEquals(error!.causes, [{ name: "SyntaxError" }, { name: "string" }]);
  for (const text of [...home.logTexts(), JSON.stringify(home.records), ...lines]) {
    assert(!text.includes("c4n4ry"), text);
  }
});

Deno.test("errors: of a kind a hundred documents are kept, of a run a thousand, and the others are counted", async () => {
  await using home = new LogHome();
  const rows = Array.from({ length: 5_000 }, (_, i) => i % 2 === 0 ? `${i},x` : `${i}`);
  await home.write("in/a.csv", `id,total\n${rows.join("\n")}\n`);
  const { head: { runId } } = await home.run(ORDERS);
  const records = await home.errors(runId);
  assertEquals(ofKind(records, "document").length, 200);
  assertEquals(ofKind(records, "more").map(({ step, documents }) => [step, documents]).sort(), [
    ["source", 2_400],
    ["steps[0].map", 2_400],
  ]);

  const fields = (row: number) => Array.from({ length: 12 }, (_, n) => row % 12 === n ? "x" : "1").join(",");
  const names = Array.from({ length: 12 }, (_, n) => `f${n}`).join(",");
  const many = Array.from({ length: 12 * 150 }, (_, row) => `${row},1,${fields(row)}`).join("\n");
  await home.write("in/b.csv", `id,total,${names}\n${many}\n`);
  const keep = (n: number) =>
    `${names.split(",").map((name) => `${name}: ${name}`).join(", ")}, f: { from: f${n}, as: number }`;
  const steps = names.split(",").map((_, n) => `  - map: { fields: { id: id, total: total, ${keep(n)} } }`)
    .join("\n");
  const { head, documents } = await home.run(ORDERS.replace(/ {2}- map.*/, steps));
  const all = await home.errors(head.runId);
  assertEquals(documents.failed, 1_800);
  assertEquals(ofKind(all, "document").length, 1_000);
  assertEquals(ofKind(all, "more").reduce((sum, { documents }) => sum + documents, 0), 800);
});

Deno.test("errors: when the details are gone, the run's own record says what it can", async () => {
  await using home = new LogHome();
  await home.write("in/a.csv", "id,total\n1,x\n2,x\n");
  const partial = await home.run(ORDERS);
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("out", "a file where a folder should be");
  const failed = await home.run(ORDERS);
  await Deno.remove(`${home.logs}/${partial.head.runId}.errors.ndjson`);
  await Deno.remove(`${home.logs}/${failed.head.runId}.errors.ndjson`);
  assertEquals((await home.errors(partial.head.runId)).slice(1), [{ kind: "missing", documents: 2 }]);
  const [, error] = await home.errors(failed.head.runId);
  assert(error?.kind === "error" && error.code === "sink.unwritable" && error.causes.length === 0);

  // What cannot be read is set aside.
  await Deno.mkdir(`${home.logs}/${partial.head.runId}.errors.ndjson`);
  assertEquals((await home.errors(partial.head.runId)).slice(1), [{ kind: "missing", documents: 2 }]);
  assert([...Deno.readDirSync(home.logs)].some(({ name }) => name.includes(".errors.ndjson.unreadable-")));
});
