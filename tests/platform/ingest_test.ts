import { assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { uuidv7 } from "../../src/base/ids.ts";
import { MAX_CREDIT_BYTES } from "../../src/base/limits.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import type { TrackedFile, TrackingRecord } from "../../src/protocol/payloads/tracking.ts";
import { ackSchema } from "../../src/protocol/payloads/stream.ts";
import type { TestConnection, TestIdentity, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const newRun = () => ({
  runId: uuidv7(systemClock),
  process: "orders",
  version: "1",
  definition: "0123456789ab",
  trigger: "watch" as const,
  startedAt: "2026-11-22T10:00:00.000Z",
});

const file = (name: string): TrackedFile => ({
  role: "source",
  name,
  directory: "data/in",
  bytes: 100,
  documents: 10,
  failed: 1,
});

function started(run: ReturnType<typeof newRun>): TrackingRecord {
  return { kind: "run-started", ...run };
}

function finished(run: ReturnType<typeof newRun>, name: string): TrackingRecord {
  return {
    kind: "run-finished",
    ...run,
    endedAt: "2026-11-22T10:00:05.000Z",
    outcome: "partial",
    documents: { in: 10, out: 8, filtered: 1, failed: 1 },
    bytesIn: 100,
    bytesOut: 80,
    fileCount: 2,
    files: [file(name)],
  };
}

/** A connection that sends batches and gives the platform's answers. */
async function tracker(test: TestPlatform, agent: TestIdentity) {
  const connection: TestConnection = opampConnection(test, agent);
  let sequence = 1;
  await connection.send(toServer(agent.uid, sequence, { agentDescription: describe({}, {}) }));
  await connection.next();
  const ask = async (batch: unknown) => {
    const customMessage = jsonMessage(CUSTOM.tracking, "batch", batch);
    await connection.send(toServer(agent.uid, ++sequence, { customMessage }));
    return await connection.next();
  };
  return {
    ask,
    async resumed(stream: string) {
      const customMessage = jsonMessage(CUSTOM.tracking, "resume", { stream });
      await connection.send(toServer(agent.uid, ++sequence, { customMessage }));
      return readJsonMessage((await connection.next()).customMessage!, ackSchema);
    },
    async acked(stream: string, through: number, records: [number, TrackingRecord][]) {
      const batch = { stream, through, records: records.map(([seq, record]) => ({ seq, record })) };
      return readJsonMessage((await ask(batch)).customMessage!, ackSchema).through;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

const gap = (records: number): TrackingRecord => ({
  kind: "gap",
  class: "tracking",
  reason: "quota-bytes",
  records,
  bytes: records * 300,
  first: "2026-11-22T10:00:00.000Z",
  last: "2026-11-22T11:00:00.000Z",
});

const summary = async (test: TestPlatform) =>
  (await test.api("GET", "/summary")).body as {
    records: number;
    files: number;
    runs: Record<string, number>;
    lost: { gaps: number; records: number };
  };

Deno.test("records are stored exactly once: sent again, overlapping, and over a restart", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const stream = uuidv7(systemClock);
  const [a, b] = [newRun(), newRun()];
  {
    await using agentSide = await tracker(test, agent);
    assertEquals(await agentSide.acked(stream, 2, [[1, started(a)], [2, finished(a, "a.csv")]]), 2);
    assertEquals(await agentSide.acked(stream, 2, [[1, started(a)], [2, finished(a, "a.csv")]]), 2);
    assertEquals((await summary(test)).records, 2);
  }
  await test.restart();
  await using agentSide = await tracker(test, agent);
  const more: [number, TrackingRecord][] = [[2, finished(a, "a.csv")], [3, started(b)], [
    5,
    finished(b, "b.csv"),
  ]];
  assertEquals(await agentSide.acked(stream, 6, more), 6);
  assertEquals(await agentSide.acked(stream, 3, [[3, started(b)]]), 6);
  const files: TrackingRecord = { kind: "run-files", runId: b.runId, files: [file("c.csv")] };
  assertEquals(await agentSide.acked(stream, 7, [[7, files]]), 7);

  const { records, files: fileCount, runs } = await summary(test);
  assertEquals([records, fileCount, runs.total, runs.partial], [5, 4, 2, 2]);
  const run = (await test.api("GET", `/runs/${b.runId}`)).body as { files: TrackedFile[]; outcome: string };
  assertEquals([run.outcome, run.files.map(({ name }) => name)], ["partial", ["b.csv", "c.csv"]]);
});

Deno.test("an agent that comes back is told how far its stream is stored, and how much it may send", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const other = await enrolledAgent(test, "agent two");
  await using agentSide = await tracker(test, agent);
  await using otherSide = await tracker(test, other);
  const stream = uuidv7(systemClock);
  assertEquals(await agentSide.resumed(stream), { stream, through: 0, credit: MAX_CREDIT_BYTES });
  await agentSide.acked(stream, 7, [[7, started(newRun())]]);
  assertEquals((await agentSide.resumed(stream)).through, 7);
  assertEquals((await otherSide.resumed(stream)).through, 0);
});

Deno.test("what an agent lost is told once, in numbers, by agent, and in words", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await tracker(test, agent);
  const stream = uuidv7(systemClock);
  const records: [number, TrackingRecord][] = [[1, started(newRun())], [2, gap(40)], [44, gap(2)]];
  await agentSide.acked(stream, 2, records.slice(0, 2));
  await agentSide.acked(stream, 44, records);

  const { lost, records: stored } = await summary(test);
  assertEquals([lost, stored], [{ gaps: 2, records: 42 }, 3]);
  const { gaps } = (await test.api("GET", `/agents/${agent.uid}`)).body as {
    gaps: Record<string, unknown>[];
  };
  const { receivedAt: _, ...newest } = gaps[0]!;
  assertEquals(newest, {
    agent: agent.uid,
    agentName: agent.name,
    class: "tracking",
    reason: "quota-bytes",
    why: "more waited to be sent than the agent's spool keeps",
    records: 2,
    bytes: 600,
    first: "2026-11-22T10:00:00.000Z",
    last: "2026-11-22T11:00:00.000Z",
  });
  assertEquals((await test.api("GET", "/gaps?limit=1")).body, { gaps: gaps.slice(0, 1) } as never);
  const other = await enrolledAgent(test, "agent two");
  assertEquals((await test.api("GET", `/gaps?agent=${other.uid}`)).body, { gaps: [] } as never);
});

Deno.test("a stream belongs to its agent, and a run to the agent that named it first", async () => {
  await using test = await testPlatform();
  const stream = uuidv7(systemClock);
  const run = newRun();
  const first = await enrolledAgent(test);
  const second = await enrolledAgent(test, "agent two");
  await using one = await tracker(test, first);
  await using two = await tracker(test, second);
  assertEquals(await one.acked(stream, 1, [[1, started(run)]]), 1);
  assertEquals(await two.acked(stream, 1, [[1, finished(run, "forged.csv")]]), 1);
  const view = (await test.api("GET", `/runs/${run.runId}`)).body as Record<string, unknown>;
  assertEquals([view.agent, view.outcome, view.files], [first.uid, "running", []]);
});

Deno.test("runs are listed newest first, by filter and page by page", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await tracker(test, agent);
  const runs = Array.from(
    { length: 5 },
    (_, i) => ({ ...newRun(), startedAt: `2026-11-22T10:00:0${i}.000Z` }),
  );
  const records = runs.map((
    run,
    i,
  ): [number, TrackingRecord] => [i + 1, i === 4 ? started(run) : finished(run, "a")]);
  await agentSide.acked(uuidv7(systemClock), 5, records);
  const newest = runs.map(({ runId }) => runId).reverse();

  const list = async (query: string) =>
    (await test.api("GET", `/runs?${query}`)).body as {
      runs: { id: string; outcome: string }[];
      next?: string;
    };
  const found: string[] = [];
  for (let before = ""; before !== "end";) {
    const page = await list(`limit=2${before}`);
    found.push(...page.runs.map(({ id }) => id));
    before = page.next ? `&before=${page.next}` : "end";
  }
  assertEquals(found, newest);
  assertEquals((await list("outcome=running")).runs.map(({ id }) => id), [newest[0]!]);
  assertEquals((await list("process=other")).runs, []);
  assertEquals((await list(`agent=${agent.uid}&outcome=partial`)).runs.length, 4);
});

Deno.test("a batch that does not fit is refused by naming the field, and the session stays", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await tracker(test, agent);
  const stream = uuidv7(systemClock);
  const record = started(newRun());
  for (
    const [batch, words] of [
      [{ stream, through: 1, records: [{ seq: 1, record: { ...record, secret: "x" } }] }, "records.0.record"],
      [{ stream: "none", through: 1, records: [] }, "stream"],
      [{ stream, through: 1, records: [{ seq: 2, record }] }, "records.0.seq"],
      [{ stream, through: 2, records: [{ seq: 2, record }, { seq: 2, record }] }, "records.1.seq"],
    ] as const
  ) {
    assertStringIncludes((await agentSide.ask(batch)).errorResponse!.errorMessage, words);
  }
  assertEquals((await summary(test)).records, 0);
  assertEquals(await agentSide.acked(stream, 1, [[1, record]]), 1);
});
