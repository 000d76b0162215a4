import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { createLog } from "../../src/base/log.ts";
import { recentRuns } from "../../src/engine/runs.ts";
import { canMount, SmallDisk } from "../support/small_disk.ts";
import { ORDERS, TestHome } from "./support.ts";

Deno.test("run: documents, failures, files and records come out as they should", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,total\n1,2.5\n2,x\n3\n4,0\n");
  const definition = ORDERS.replace("steps:", "steps:\n  - filter: { field: id, notEquals: 4 }");
  const { outcome, documents, files, head } = await home.run(definition);
  assertEquals([outcome, documents], ["partial", { in: 4, out: 1, filtered: 1, failed: 2 }]);
  assertEquals(home.documents("out"), [{ id: "1", total: 2.5 }]);
  assertEquals(home.documents("failed"), [
    {
      reason: { code: "document.malformed", step: "source", message: "has too few columns: 1 instead of 2" },
      file: "a.csv",
      row: 3,
      line: 4,
      original: "3",
    },
    {
      reason: {
        code: "document.rejected",
        step: "steps[1].map",
        message: 'the field "total" is not a number',
      },
      file: "a.csv",
      row: 2,
      line: 3,
      original: "2,x",
    },
  ]);
  assertEquals([home.list("in"), home.list("done"), home.list("out")], [[], ["a.csv"], ["a.ndjson"]]);
  assertEquals(files.map(({ role, documents, failed }) => [role, documents, failed]), [
    ["source", 4, 2],
    ["sink", 1, 0],
    ["dead-letter", 2, 2],
  ]);
  assertEquals(home.records.map(({ kind }) => kind), ["run-started", "run-finished"]);
  assertEquals(recentRuns(home.db)[0]?.runId, head.runId);
});

Deno.test("run: an empty file is a run without documents that succeeded", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "");
  const { outcome, documents, files } = await home.run(ORDERS);
  assertEquals([outcome, documents.in, files.length], ["succeeded", 0, 1]);
  assertEquals([home.list("out"), home.list("done")], [[], ["a.csv"]]);
});

Deno.test("run: a file that vanishes fails by itself, the others go on, nothing is half-written", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("in/b.csv", "id,total\n2,2\nbroken\n");
  await home.write("in/c.csv", "id,total\n3,3\n");
  let batches = 0;
  const onProgress = () => ++batches === 2 && Deno.removeSync(home.data("in/b.csv"));
  // All into one output, from which the documents of b must be taken back.
  const definition = ORDERS.replace("format: ndjson", 'format: json, file: "all-{run}.json"');
  const { outcome, documents, error } = await home.run(definition, { onProgress });
  assertEquals([outcome, documents], ["partial", { in: 2, out: 2, filtered: 0, failed: 0 }]);
  assertEquals(error?.code, "file.missing");
  assertStringIncludes(error!.message, "data/in/b.csv vanished");
  assertEquals(
    JSON.parse(await home.read(`out/${home.list("out")[0]}`)).map(({ id }: { id: string }) => id),
    ["1", "3"],
  );
  assertEquals([home.list("done"), home.list("failed")], [["a.csv", "c.csv"], []]);
});

Deno.test("run: the only file vanishing, or changing while it is read, fails the run and leaves nothing", async () => {
  for (
    const spoil of [Deno.removeSync, (path: string) => Deno.writeTextFileSync(path, "x", { append: true })]
  ) {
    await using home = new TestHome();
    await home.write("in/a.csv", "id,total\n1,1\n");
    let spoilt = false;
    const onProgress = () => {
      if (!spoilt) spoil(home.data("in/a.csv"));
      spoilt = true;
    };
    const { outcome, documents, error } = await home.run(ORDERS, { onProgress });
    assertEquals([outcome, documents.out], ["failed", 0]);
    assert(["file.missing", "source.unreadable"].includes(error!.code));
    assertEquals([home.list("out"), home.list("done")], [[], []]);
  }
});

Deno.test("run: nothing is overwritten: outputs and moved inputs get a number", async () => {
  await using home = new TestHome();
  for (const id of [1, 2, 3]) {
    await home.write("in/a.csv", `id,total\n${id},1\n`);
    await home.run(ORDERS);
  }
  assertEquals(home.list("out"), ["a-1.ndjson", "a-2.ndjson", "a.ndjson"]);
  assertEquals(home.list("done"), ["a-1.csv", "a-2.csv", "a.csv"]);
  assertEquals(home.documents("out").map(({ id }) => id).sort(), ["1", "2", "3"]);
});

Deno.test("run: marked files stay and are read once, and again when they changed; deleted ones go", async () => {
  await using home = new TestHome();
  const marked = ORDERS.replace("after: { move: done }", "after: mark");
  await home.write("in/a.csv", "id,total\n1,1\n");
  assertEquals((await home.run(marked)).documents.in, 1);
  assertEquals((await home.run(marked)).documents.in, 0);
  await home.write("in/a.csv", "id,total\n1,1\n2,2\n");
  assertEquals((await home.run(marked)).documents.in, 2);
  assertEquals(home.list("in"), ["a.csv"]);
  await home.run(ORDERS.replace("after: { move: done }", "after: delete"));
  assertEquals(home.list("in"), []);
});

Deno.test("run: a file that the dead letter quotes only in part is kept, even after: delete", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,id\n1,1\n");
  const { documents } = await home.run(ORDERS.replace("after: { move: done }", "after: delete"));
  assertEquals(documents.failed, 1);
  assertEquals([home.list("in"), home.list("failed")], [[], ["a.csv", "a.csv.ndjson"]]);
});

Deno.test("run: links to files are not followed, links to the agent's own folders neither", async () => {
  await using home = new TestHome();
  await Deno.writeTextFile(`${home.path}/state/key.csv`, "id,total\n1,1\n");
  await Deno.symlink(`${home.path}/state/key.csv`, home.data("in/key.csv"));
  assertEquals((await home.run(ORDERS)).documents.in, 0);
  await Deno.symlink(`${home.path}/state`, home.data("link"));
  const error = await assertRejects(() => home.run(ORDERS.replace("path: in", "path: link")), SallyportError);
  assertStringIncludes(error.message, "outside data/");
});

Deno.test("run: no word of a document is in records, logs or the database", async () => {
  await using home = new TestHome();
  const canary = "c4n4ry";
  const lines: string[] = [];
  const log = createLog({
    clock: systemClock,
    format: "json",
    level: "debug",
    write: (line) => lines.push(line),
  });
  await home.write("in/a.csv", `id,total\n${canary},1\n1,${canary}\n${canary}\n"${canary}"x,1\n`);
  await home.write("in/b.csv", `id,id\n${canary},1\n`);
  const steps = `steps:\n  - log: seen\n  - set: { x: { jsonata: "$number(id)" } }`;
  const { documents } = await home.run(ORDERS.replace("steps:", steps), { log });
  assertEquals(documents.failed, documents.in);
  const state = recentRuns(home.db).concat(home.db.prepare("SELECT * FROM engine_runs").all() as never[]);
  for (const text of [JSON.stringify(home.records), lines.join(), JSON.stringify(state)]) {
    assertEquals(text.includes(canary), false, text);
  }
  assert(JSON.stringify(home.documents("failed")).includes(canary)); // there it belongs
});

Deno.test("run: one that is stopped is interrupted and leaves everything as it was", async () => {
  await using home = new TestHome();
  await home.write("in/a.csv", "id,total\n1,1\n");
  await home.write("in/b.csv", "id,total\n2,2\n");
  const stop = new AbortController();
  const { outcome } = await home.run(ORDERS, { signal: stop.signal, onProgress: () => stop.abort() });
  assertEquals(outcome, "interrupted");
  assertEquals([home.list("in"), home.list("out"), home.list("failed")], [["a.csv", "b.csv"], [], []]);
  assertEquals((await home.run(ORDERS)).documents.out, 2);
});

Deno.test({
  name: "run: a full disk fails it, removes what was written and leaves the inputs (needs root for a tmpfs)",
  ignore: !canMount,
  async fn() {
    await using home = new TestHome();
    await using _disk = await SmallDisk.inMemory(home.data("out"), "64k");
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},1\n`).join("");
    await home.write("in/a.csv", `id,total\n${rows}`);
    const { outcome, error } = await home.run(ORDERS);
    assertEquals([outcome, error?.code], ["failed", "disk.full"]);
    assertEquals([home.list("out"), home.list("in"), home.list("done")], [[], ["a.csv"], []]);
  },
});
