import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createLog } from "../../src/base/log.ts";
import { MAX_CHUNK_BYTES, MAX_OPEN_REQUESTS, MAX_REFUSALS_A_MINUTE } from "../../src/base/limits.ts";
import { queryOne } from "../../src/base/sqlite.ts";
import { Answering } from "../../src/engine/requests/answering.ts";
import type { Responder } from "../../src/engine/requests/responder.ts";
import { createRequestStore } from "../../src/engine/requests/store.ts";
import type { Policy } from "../../src/gate/policy/policy.ts";
import { DEFAULT_POLICY, haltedPolicy } from "../../src/gate/policy/policy.ts";
import { answerLine, chunkHash } from "../../src/protocol/answers.ts";
import type { Chunk, EndingMessage } from "../../src/protocol/payloads/requests.ts";
import { policyWith } from "../gate/support.ts";
import { everyClass, logMessage, logRequest, REQUEST_ID } from "../support/requests.ts";
import { pumping } from "./support.ts";

const ASK = policyWith({ logs: { send: "ask" } });
const DENY = policyWith({ logs: { send: "deny" } });

/** Both halves on one database, and a platform that says what a test says. */
function answering(answer: Responder<unknown>["answer"], policy: Policy = DEFAULT_POLICY) {
  const t = pumping({ policy });
  const lines: string[] = [];
  const log = createLog({ clock: t.clock, format: "json", write: (line) => lines.push(line) });
  const begin = () =>
    new Answering({
      db: t.home.db,
      responders: everyClass(answer),
      redact: (text) => text,
      clock: t.clock,
      log,
    });
  let engine = begin();
  const { desk } = t.pump;
  /** Lets the halves see what the other wrote, as the watch on the database does. */
  const turn = async () => {
    for (let i = 0; i < 3; i++) {
      engine.look();
      await t.clock.advance(0);
      desk.look();
    }
  };
  return {
    ...t,
    desk,
    lines,
    turn,
    store: createRequestStore(t.home.db),
    request: async (...changes: Parameters<typeof logRequest>) => {
      desk.requested("logs", logRequest(...changes));
      await turn();
    },
    credit: async (stored: number, credit = stored + 8, id = REQUEST_ID) => {
      desk.credited("logs", { id, stored, credit });
      await turn();
    },
    chunks: () => t.sent<Chunk>("chunk"),
    endings: (type: string) => t.sent<EndingMessage>(type),
    /** The engine is killed and started anew. */
    killEngine: () => engine = begin(),
    stopEngine: () => engine.stop(),
    rows: () => queryOne<{ n: number }>(t.home.db, "SELECT count(*) AS n FROM request_chunks")()!.n,
    [Symbol.dispose]: () => {
      desk.stop();
      t[Symbol.dispose]();
    },
  };
}

async function* counted(records: number, bytes: number) {
  for (let n = 0; n < records; n++) yield logMessage(`${n} `.padEnd(bytes, "x"));
}

Deno.test("a small request is answered by one message, which the ledger names and the platform confirms", async () => {
  using t = answering(() => counted(2, 10));
  await t.request();
  const [chunk] = t.chunks();
  assertEquals(t.frames.length, 1);
  const text = chunk!.records.map(answerLine).join("");
  assertEquals(chunk, {
    id: REQUEST_ID,
    index: 0,
    records: [logMessage("0 xxxxxxxx"), logMessage("1 xxxxxxxx")],
    sha256: chunkHash("", text),
    last: { records: 2, bytes: text.length },
  });
  const [entry] = t.reader.newest(1);
  assertEquals(entry!.class, "logs");
  assertEquals(entry!.records, `request ${REQUEST_ID} of ada@example.com: chunk 0 (2 records)`);
  assertEquals(entry!.acknowledged, null);

  await t.credit(1);
  assertEquals(t.store.get(REQUEST_ID)!.state, "answered");
  assertEquals(t.rows(), 0);
  assert(t.reader.newest(1)[0]!.acknowledged !== null);
});

Deno.test("an answer is made only as far as there is credit, and four chunks are on the way at most", async () => {
  let made = 0;
  using t = answering(async function* () {
    for await (const record of counted(2_000, 1_000)) {
      made++;
      yield record;
    }
  });
  await t.request({ credit: 5 });
  assertEquals([t.chunks().length, t.rows()], [4, 5]);
  const ahead = made;
  await t.clock.advance(60_000);
  assertEquals([made, t.rows()], [ahead, 5]);
  for (let stored = 1; stored < 20; stored++) await t.credit(stored, stored + 5);
  const chunks = t.chunks();
  assertEquals(chunks.map(({ index }) => index), chunks.map((_, i) => i));
  assertEquals(chunks.flatMap(({ records }) => records).length, 2_000);
  assert(t.frames.every((frame) => frame.length < MAX_CHUNK_BYTES));
  assertEquals(t.store.get(REQUEST_ID)!.state, "answered");
});

Deno.test("a platform that never gives credit, or far too much, costs no rows and no memory", async () => {
  using t = answering(() => counted(1_000_000, 1_000));
  await t.request({ credit: 0 });
  assertEquals([t.chunks().length, t.rows()], [0, 0]);
  await t.credit(0, Number.MAX_SAFE_INTEGER);
  assertEquals([t.chunks().length, t.rows()], [4, 8]);
  await t.credit(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  assertEquals([t.chunks().length, t.rows()], [4, 8]);
  await t.clock.advance(600_000);
  assertEquals(t.store.get(REQUEST_ID)!.state, "expired");
  assertEquals(t.rows(), 0);
  assertEquals(t.endings("expired").map(({ code }) => code), ["request.expired"]);
  await t.stopEngine();
});

Deno.test("after each broken connection the answer goes on where the platform has it, each chunk stored once", async () => {
  using t = answering(() => counted(1_000, 1_000));
  await t.request();
  const stored: Chunk[] = [];
  for (let cuts = 0; !stored.at(-1)?.last; cuts++) {
    const before = t.frames.length;
    t.disconnect();
    t.desk.look();
    assertEquals(t.frames.length, before, "nothing leaves before the platform has named the request");
    t.uplink.ready = true;
    // The chunk arrived, and its acknowledgement did not.
    const arrived = t.chunks().find(({ index }) => index === stored.length);
    if (arrived) stored.push(arrived);
    await t.request({ stored: stored.length, credit: stored.length + 2 });
    assert(cuts < 20);
  }
  assertEquals(stored.map(({ index }) => index), stored.map((_, i) => i));
  let hash = "";
  for (const { records, sha256 } of stored) {
    hash = chunkHash(hash, records.map(answerLine).join(""));
    assertEquals(hash, sha256);
  }
  assertEquals(t.store.get(REQUEST_ID)!.state, "answered");
});

Deno.test("an engine that is killed in the middle fails the request; what it had finished leaves all the same", async () => {
  using t = answering(() => counted(500, 1_000));
  await t.request({ credit: 2 });
  t.killEngine();
  await t.turn();
  assertEquals(t.endings("failed").map(({ code }) => code), ["request.interrupted"]);
  assertEquals(t.rows(), 0);
  t.desk.settled("logs", REQUEST_ID);
  assertEquals(t.store.get(REQUEST_ID)!.settled, 1);

  const second = "01890a5d-ac96-774b-bcce-b302099a8059";
  await t.request({ id: second });
  t.disconnect();
  t.killEngine();
  t.uplink.ready = true;
  await t.request({ id: second });
  for (let stored = 1; stored <= 5; stored++) await t.credit(stored, 8, second);
  assertEquals(t.store.get(second)!.state, "answered");
});

Deno.test("an engine that stops gives up what it is at, and one that fails says why", async () => {
  using t = answering(async function* (_parameters, signal) {
    yield logMessage("one");
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone"))));
  });
  await t.request();
  await t.clock.advance(300);
  await t.turn();
  assertEquals(t.chunks().length, 1, "what there is does not wait for more");
  await t.stopEngine();
  await t.turn();
  const [failed] = t.endings("failed");
  assertEquals(failed!.code, "request.interrupted");
});

Deno.test("a live answer is accepted before it has anything to say, and ends with its deadline", async () => {
  using t = answering(async function* (_parameters, signal) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    yield* counted(0, 0);
  });
  await t.request();
  await t.clock.advance(300);
  await t.turn();
  assertEquals(t.sent("accepted"), [{ id: REQUEST_ID }]);
  await t.clock.advance(600_000);
  assertEquals(t.endings("expired").length, 1);
  await t.stopEngine();
});

Deno.test("a defect of what answers fails the request without its words; other errors keep theirs", async () => {
  using t = answering(async function* () {
    yield logMessage("one");
    throw new TypeError("canary");
  });
  await t.request();
  assertEquals(t.endings("failed").map(({ code }) => code), ["internal"]);
  assert(!JSON.stringify(t.endings("failed")).includes("canary"));
});

Deno.test("a record that its class does not carry does not leave", async () => {
  using t = answering(async function* () {
    yield { ...logMessage("one"), document: { card: "canary" } };
  });
  await t.request();
  assertEquals(t.endings("failed").map(({ code }) => code), ["internal"]);
  assertEquals(t.chunks(), []);
  assert(t.frames.every((frame) => !new TextDecoder().decode(frame).includes("canary")));
});

Deno.test("secrets are taken out once more on the way out", async () => {
  using t = answering(() => [logMessage("mail to ada@example.com")].values() as never);
  await t.request();
  assertEquals(t.chunks()[0]!.records, [logMessage("mail to [redacted: e-mail address]")]);
});

Deno.test("where the policy denies, nothing leaves but the refusal", async () => {
  using t = answering(() => counted(1, 1), DENY);
  await t.request();
  assertEquals(t.frames.length, 1);
  const [refused] = t.endings("refused");
  assertEquals(refused!.code, "request.refused");
  assertStringIncludes(refused!.reason, "denies the class logs");
  assertEquals(t.reader.newest(1)[0]!.class, "logs");
});

Deno.test("a policy that denies in the middle of an answer ends it", async () => {
  using t = answering(() => counted(1_000, 1_000));
  await t.request();
  t.owner.policy = DENY;
  await t.credit(1);
  assertEquals(t.chunks().length, 4, "those that were on the way before");
  assertEquals(t.endings("refused").map(({ code }) => code), ["request.refused"]);
  assertEquals(t.rows(), 0);
});

Deno.test("a policy that begins to ask holds what has not begun and ends what has", async () => {
  using t = answering(() => counted(1_000, 1_000));
  await t.request();
  t.owner.policy = ASK;
  await t.credit(1);
  assertStringIncludes(t.endings("refused")[0]!.reason, "must approve it first");
});

Deno.test("while the policy is being read, a request waits, and is judged by the new one", async () => {
  using t = answering(() => counted(1, 1), haltedPolicy("it is being read"));
  await t.request();
  assertEquals(t.frames.length, 0);
  t.owner.policy = DEFAULT_POLICY;
  await t.turn();
  assertEquals(t.chunks().length, 1);
});

Deno.test("a budget that is used up in the middle ends the answer and says so", async () => {
  using t = answering(() => counted(2_000, 1_000), policyWith({ logs: { bytesPerDay: 1024 * 1024 } }));
  await t.request();
  for (let stored = 1; stored < 10; stored++) await t.credit(stored);
  assertStringIncludes(t.endings("refused")[0]!.reason, "1 MiB a day");
  assert(t.frames.reduce((sum, { length }) => sum + length, 0) <= 1024 * 1024 + 1_000);
});

Deno.test("with ask nothing leaves but that it waits, until somebody here approves or denies", async () => {
  using t = answering(() => counted(1, 1), ASK);
  await t.request();
  assertEquals(t.sent("waiting"), [{ id: REQUEST_ID }]);
  assertEquals(t.frames.length, 1);
  assertEquals(t.desk.waiting, 1);
  t.store.move(REQUEST_ID, "waiting", "approved", "person");
  await t.turn();
  assertEquals(t.chunks().length, 1);

  const [second, third] = ["01890a5d-ac96-774b-bcce-b302099a8059", "01890a5d-ac96-774b-bcce-b302099a805a"];
  await t.request({ id: second });
  t.store.end(second!, { state: "refused", code: "request.refused", words: "not today", now: t.clock.now() });
  await t.turn();
  assertEquals(t.endings("refused").map(({ reason }) => reason), ["not today"]);

  t.store.approveUntil("logs", "ada@example.com", t.clock.now() + 60_000);
  await t.request({ id: third });
  assertEquals(t.chunks().length, 2);
  await t.clock.advance(61_000);
  await t.request({ id: "01890a5d-ac96-774b-bcce-b302099a805b" });
  assertEquals([t.chunks().length, t.desk.waiting], [2, 1]);
});

Deno.test("a request counts once: the same again asks how it stands, another one under its id is none", async () => {
  let asked = 0;
  using t = answering(() => {
    asked++;
    return counted(1, 1);
  });
  await t.request();
  await t.request({ parameters: { runId: RUN_OTHER } });
  await t.request({ requester: "mallory" });
  assertEquals([asked, t.chunks().length], [1, 1]);
  await t.request();
  assertEquals([asked, t.chunks().length], [1, 2], "the platform said that it has nothing of it");
  await t.credit(1);
  await t.request({ stored: 0 });
  assertEquals(asked, 1);
  assertEquals(t.endings("failed").map(({ code }) => code), ["request.interrupted"]);
});

const RUN_OTHER = "01890a5d-ac96-774b-bcce-b302099a80ff";

Deno.test("what is cancelled stops, here and in the engine, and what is not known is said to be that", async () => {
  using t = answering(() => counted(1_000_000, 1_000));
  await t.request();
  t.desk.cancelled("logs", REQUEST_ID, "found it");
  await t.turn();
  assertEquals(t.endings("cancelled"), [{ id: REQUEST_ID, code: "request.cancelled", reason: "found it" }]);
  assertEquals(t.rows(), 0);
  t.desk.cancelled("logs", RUN_OTHER, "");
  assertEquals(t.endings("failed").map(({ code }) => code), ["request.not-found"]);
  await t.stopEngine();
});

Deno.test("too many at once, or in a minute, are turned away with a hint, and not without end", async () => {
  using t = answering(() => counted(1, 1), ASK);
  const id = (n: number) => `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, "0")}`;
  for (let n = 0; n < 1_500; n++) t.desk.requested("logs", logRequest({ id: id(n) }));
  await t.turn();
  assertEquals(t.desk.waiting, MAX_OPEN_REQUESTS);
  const refused = t.endings("refused");
  assertEquals(new Set(refused.map(({ code }) => code)), new Set(["request.busy"]));
  assert(refused.every(({ retryAfterMs }) => retryAfterMs! > 0));
  assertEquals(refused.length, MAX_REFUSALS_A_MINUTE);
  assertEquals(
    queryOne<{ n: number }>(t.home.db, "SELECT count(*) AS n FROM requests")()!.n,
    MAX_OPEN_REQUESTS,
  );
});

Deno.test("parameters that the class does not take are refused by name", async () => {
  using t = answering(() => counted(1, 1));
  await t.request({ parameters: { runId: RUN_OTHER, file: "../../etc/passwd" } });
  const [refused] = t.endings("refused");
  assertEquals(refused!.code, "request.invalid");
  assertStringIncludes(refused!.reason, "file");
});
