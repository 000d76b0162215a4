import { assertEquals, assertStringIncludes } from "@std/assert";
import { isoTime } from "../../src/base/clock.ts";
import { openReadOnly, queryOne } from "../../src/base/sqlite.ts";
import { DATABASE_FILE } from "../../src/platform/store/sqlite.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { readJsonMessage } from "../../src/protocol/messages.ts";
import type { DataRecord, Documents } from "../../src/protocol/payloads/data.ts";
import type { RecordBatch } from "../../src/protocol/payloads/stream.ts";
import { ackSchema } from "../../src/protocol/payloads/stream.ts";
import { TestClock } from "../support/clock.ts";
import { DOCUMENTS, RUN_STARTED } from "../support/records.ts";
import { sender, STREAM } from "./sender.ts";
import type { TestPlatform } from "./support.ts";
import { enrolledAgent, testPlatform } from "./support.ts";

const ID = RUN_STARTED.runId;

const part = (rows: number[], changes: Partial<Documents> = {}): Documents => ({
  ...DOCUMENTS,
  documents: rows.map((row) => ({ row, result: "out", fields: { order: `A${row}` } })),
  ...changes,
});

interface Page {
  documents: { name: string; row: number; result: string; fields: Record<string, string>; cut: string[] }[];
  total: number;
  beyond: number;
  until?: string;
  next?: number;
}
const documents = async (test: TestPlatform, query = "") =>
  (await test.api("GET", `/runs/${ID}/documents${query}`)).body as Page;
const audit = async (test: TestPlatform) => {
  const { entries } = (await test.api("GET", "/audit")).body as {
    entries: { who: string; action: string; subject: string }[];
  };
  return entries.filter(({ action }) => action === "run.read-documents");
};

Deno.test("fields of documents are stored once, in the order of reading, page by page, with who read them", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await sender(test, agent);
  assertEquals(agentSide.capabilities.includes(CUSTOM.data), true);
  await agentSide.began();
  const second = { name: "b.csv", directory: "data/in" };
  const failed = { row: 1, result: "failed" as const, fields: { order: "B1", note: "x" }, cut: ["note"] };
  const records: RecordBatch<DataRecord>["records"] = [
    { seq: 1, record: part([1, 2], { beyond: 3 }) },
    { seq: 2, record: part([3], { beyond: 3 }) },
    { seq: 5, record: part([], { documents: [failed], file: second, fileNumber: 2, beyond: 3 }) },
  ];
  assertEquals(await agentSide.acked(records.slice(0, 2)), 2);
  assertEquals(await agentSide.acked(records), 5);
  assertEquals(await agentSide.acked(records), 5);
  // An agent whose database went back to an earlier state may send them under other numbers.
  assertEquals(await agentSide.acked([{ seq: 1, record: part([2, 3]) }], crypto.randomUUID()), 1);
  const { customMessage } = await agentSide.send(CUSTOM.data, "resume", { stream: STREAM });
  assertEquals(readJsonMessage(customMessage!, ackSchema).through, 5);

  assertEquals(await audit(test), []);
  const { documents: all, ...facts } = await documents(test);
  assertEquals(facts, { total: 4, beyond: 3, until: "2999-12-31T23:59:59.000Z" });
  assertEquals(all.map(({ name, row, result }) => [name, row, result]), [
    ["a.csv", 1, "out"],
    ["a.csv", 2, "out"],
    ["a.csv", 3, "out"],
    ["b.csv", 1, "failed"],
  ]);
  assertEquals(all.at(-1), { name: "b.csv", directory: "data/in", ...failed });
  assertEquals(await audit(test).then(([entry]) => [entry?.who, entry?.subject]), ["first token", ID]);

  const page = await documents(test, "?limit=3");
  assertEquals([page.documents.length, page.next], [3, 3]);
  const last = await documents(test, "?limit=3&offset=3");
  assertEquals([last.documents.length, last.next], [1, undefined]);
  assertEquals((await audit(test)).length, 3);

  const run = (await test.api("GET", `/runs/${ID}`)).body as { trackedDocuments: number };
  assertEquals([run.trackedDocuments, (await audit(test)).length], [4, 3]);
  assertEquals((await test.api("GET", `/runs/${crypto.randomUUID()}/documents`)).status, 404);
});

Deno.test("fields of documents are forgotten when their time is over, the earliest that was said", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock });
  const agent = await enrolledAgent(test, "till", clock);
  const hours = (count: number) => isoTime(clock.now() + count * 3_600_000);
  await using agentSide = await sender(test, agent);
  await agentSide.began();
  await agentSide.acked([{ seq: 1, record: part([1], { until: hours(5) }) }]);
  await agentSide.acked([{ seq: 2, record: part([2], { until: hours(3) }) }]);
  await agentSide.acked([{ seq: 3, record: part([3], { until: hours(-1) }) }]);
  assertEquals((await documents(test)).documents.map(({ row }) => row), [1, 2]);

  // Nothing is shown from that moment on, and within an hour nothing is there.
  clock.jump(3 * 3_600_000);
  assertEquals(await documents(test), { documents: [], total: 0, beyond: 0 });
  await clock.advance(3_600_000);
  using db = openReadOnly(`${test.dataDir}/${DATABASE_FILE}`);
  const count = (name: string) => queryOne<{ n: number }>(db, `SELECT count(*) AS n FROM ${name}`)()?.n;
  assertEquals([count("tracked_documents"), count("tracked_runs")], [0, 0]);
  // The bodies of such batches are not kept at all.
  assertEquals(queryOne(db, "SELECT 1 FROM batches WHERE CAST(body AS TEXT) LIKE '%order%A1%'")(), undefined);
});

Deno.test("documents are shown of the run's own agent only, and when the run is known", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const other = await enrolledAgent(test, "agent two");
  await using agentSide = await sender(test, agent);
  await using otherSide = await sender(test, other);
  await otherSide.acked([{ seq: 1, record: part([1], { beyond: 9 }) }]);
  assertEquals((await test.api("GET", `/runs/${ID}/documents`)).status, 404);
  await agentSide.began();
  assertEquals((await documents(test)).total, 0);
  await agentSide.acked([{ seq: 1, record: part([7]) }]);
  const { documents: shown, beyond } = await documents(test);
  assertEquals([shown.map(({ row }) => row), beyond], [[7], 0]);
});

Deno.test("a batch that does not fit is refused by naming the field, and what was lost is told as data", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await sender(test, agent);
  const batch = (record: unknown) => ({ stream: STREAM, through: 1, records: [{ seq: 1, record }] });
  const refused = async (record: unknown, words: string) => {
    const { errorResponse } = await agentSide.send(CUSTOM.data, "batch", batch(record));
    assertStringIncludes(errorResponse!.errorMessage, words);
  };
  await refused({ ...DOCUMENTS, customer: "Ada" }, "io.sallyport.data/1 batch");
  await refused(RUN_STARTED, "records.0.record");
  const last = "2026-11-22T11:00:00.000Z";
  await agentSide.acked([{
    seq: 1,
    record: { kind: "gap", class: "data", reason: "quota-age", records: 4, bytes: 9, last },
  }]);
  const { gaps } = (await test.api("GET", "/gaps")).body as { gaps: { class: string; records: number }[] };
  assertEquals(gaps.map(({ class: lost, records }) => [lost, records]), [["data", 4]]);
});
