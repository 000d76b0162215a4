import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { MAX_CHUNKS_AHEAD, MAX_REQUEST_LIFE_MS, MAX_REQUESTS_A_MINUTE } from "../../src/base/limits.ts";
import { answerLine, chunkHash } from "../../src/protocol/answers.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import type { Chunk, Credit, Request } from "../../src/protocol/payloads/requests.ts";
import { TestClock } from "../support/clock.ts";
import type { RequestView } from "../support/fleet.ts";
import { eventually } from "../support/fleet.ts";
import { logMessage, RUN_ID } from "../support/requests.ts";
import type { TestIdentity, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

/** An agent that says what a test says. */
async function answerer(test: TestPlatform, agent: TestIdentity) {
  const connection = opampConnection(test, agent);
  let sequence = 1;
  const capabilities = [CUSTOM.logs];
  await connection.send(
    toServer(agent.uid, sequence, {
      agentDescription: describe({}, {}),
      customCapabilities: { capabilities },
    }),
  );
  assert((await connection.next()).customCapabilities!.capabilities.includes(CUSTOM.logs));
  const heard = async <T>(type: string): Promise<T> => {
    const message = await connection.next();
    assertEquals([message.customMessage?.type, message.errorResponse?.errorMessage], [type, undefined]);
    return JSON.parse(new TextDecoder().decode(message.customMessage!.data)) as T;
  };
  const say = (type: string, payload: unknown) =>
    connection.send(
      toServer(agent.uid, ++sequence, { customMessage: jsonMessage(CUSTOM.logs, type, payload) }),
    );
  return {
    heard,
    say,
    /** What the platform says of a message that it does not take. */
    async refused(type: string, payload: unknown): Promise<string> {
      await say(type, payload);
      return (await connection.next()).errorResponse!.errorMessage;
    },
    close: () => connection.close(),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

const ask = async (test: TestPlatform, { uid }: TestIdentity, more: Record<string, unknown> = {}) => {
  const body = { channel: "logs", parameters: { runId: RUN_ID }, reason: "why", ...more };
  const answer = await test.api("POST", `/agents/${uid}/requests`, body);
  return {
    status: answer.status,
    body: answer.body as RequestView & { error: { code: string; message: string } },
  };
};

const stateOf = async (test: TestPlatform, id: string): Promise<RequestView> =>
  (await test.api("GET", `/requests/${id}`)).body;

/** The chunks of an answer with one message each. */
function chunksOf(id: string, messages: string[]): Chunk[] {
  let [sha256, bytes] = ["", 0];
  return messages.map((message, index) => {
    const records = [logMessage(message)];
    const lines = records.map(answerLine).join("");
    sha256 = chunkHash(sha256, lines);
    bytes += lines.length;
    const isLast = index === messages.length - 1;
    return { id, index, records, sha256, ...(isLast ? { last: { records: messages.length, bytes } } : {}) };
  });
}

Deno.test("a request reaches an agent that is there at once, with who asks and why, and its answer is kept", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using t = await answerer(test, agent);
  const { body: { id, state } } = await ask(test, agent, { withinSeconds: 60 });
  assertEquals(state, "sent");
  const { expiresInMs, ...request } = await t.heard<Request>("request");
  assert(expiresInMs > 50_000 && expiresInMs <= 60_000);
  assertEquals(request, {
    id,
    parameters: { runId: RUN_ID },
    requester: "first token",
    reason: "why",
    stored: 0,
    credit: MAX_CHUNKS_AHEAD,
  });
  await t.say("waiting", { id });
  await eventually(() => stateOf(test, id), ({ state }) => state === "waiting");
  const [first, second] = chunksOf(id, ["one", "two"]);
  await t.say("chunk", first);
  assertEquals(await t.heard<Credit>("credit"), { id, stored: 1, credit: 1 + MAX_CHUNKS_AHEAD });
  await t.say("chunk", first); // its acknowledgement was lost
  assertEquals((await t.heard<Credit>("credit")).stored, 1);
  await t.say("chunk", second);
  assertEquals((await t.heard<Credit>("credit")).stored, 2);
  const { state: answered, answer } = await stateOf(test, id);
  assertEquals([answered, answer.records], ["answered", 2]);
});

Deno.test("what does not belong to an answer is refused by name, and nothing of it is kept", async () => {
  await using test = await testPlatform();
  const [agent, other] = [await enrolledAgent(test, "one"), await enrolledAgent(test, "two")];
  await using t = await answerer(test, agent);
  await using stranger = await answerer(test, other);
  const { body: { id } } = await ask(test, agent);
  await t.heard("request");
  const [first, second] = chunksOf(id, ["one", "two"]);
  for (
    const [chunk, words] of [
      [second, "0 is next"],
      [{ ...first, sha256: "0".repeat(64) }, "hash of chunk 0"],
      [{ ...first, records: [{ ...logMessage("one"), row: { card: 1 } }] }, "does not fit its schema"],
      [{ ...first, more: 1 }, "does not fit its schema"],
      [{ ...first, last: { records: 9, bytes: 9 } }, "should have 9 bytes"],
      [{ ...first, id: RUN_ID }, "was not made"],
    ] as const
  ) assertStringIncludes(await t.refused("chunk", chunk), words);
  assertStringIncludes(await stranger.refused("chunk", first), "was not made");
  assertStringIncludes(
    await stranger.refused("refused", { id, code: "request.refused", reason: "" }),
    "not made",
  );
  assertStringIncludes(await t.refused("answer", {}), '"answer" is unknown');
  assertEquals((await stateOf(test, id)).answer.records, 0);
});

Deno.test("an ending is kept once, confirmed, and told with its code, its reason and when to ask again", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using t = await answerer(test, agent);
  const { body: { id } } = await ask(test, agent);
  await t.heard("request");
  await t.say("refused", { id, code: "request.busy", reason: "later", retryAfterMs: 5_000 });
  await t.heard("settled");
  await t.say("failed", { id, code: "internal", reason: "again" });
  await t.heard("settled");
  const { state, outcome } = await stateOf(test, id);
  assertEquals([state, outcome!.code, outcome!.reason, outcome!.retryAfterMs], [
    "refused",
    "request.busy",
    "later",
    5_000,
  ]);
});

Deno.test("what was asked outlives the platform and a connection; what has ended is taken back on the next", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const { body: queued } = await ask(test, agent);
  const { body: gone } = await ask(test, agent);
  assertEquals(queued.state, "queued");
  await test.restart();
  {
    await using t = await answerer(test, agent);
    assertEquals([await t.heard<Request>("request"), await t.heard<Request>("request")].map(({ id }) => id), [
      queued.id,
      gone.id,
    ]);
    await t.say("chunk", chunksOf(queued.id, ["one", "two"])[0]);
    await t.heard("credit");
  }
  await test.api("DELETE", `/requests/${gone.id}`);
  await test.restart();
  await using t = await answerer(test, agent);
  assertEquals((await t.heard<Request>("request")).stored, 1);
  assertEquals((await t.heard<{ id: string }>("cancel")).id, gone.id);
  await t.say("cancelled", { id: gone.id, code: "request.cancelled", reason: "" });
  await t.heard("settled");
  assertEquals((await stateOf(test, gone.id)).state, "cancelled");
});

Deno.test("a request ends with its deadline, and the agent that has it hears of that", async () => {
  const clock = new TestClock(systemClock.now());
  await using test = await testPlatform({ clock });
  const agent = await enrolledAgent(test, "one", clock);
  await using t = await answerer(test, agent);
  const { body: { id } } = await ask(test, agent, { withinSeconds: 10 });
  await t.heard("request");
  await clock.advance(11_000);
  assertStringIncludes((await t.heard<{ reason: string }>("cancel")).reason, "did not answer");
  assertEquals((await stateOf(test, id)).outcome!.code, "request.expired");
});

Deno.test("an answer is read as fast as its reader likes, live, and what breaks off does not look whole", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using t = await answerer(test, agent);
  const { body: { id } } = await ask(test, agent);
  await t.heard("request");
  const [first] = chunksOf(id, ["one", "two"]);
  await t.say("chunk", first);
  await t.heard("credit");
  const response = await fetch(`${test.platform.url}/api/v1/requests/${id}/answer`, {
    client: test.client,
    headers: { authorization: `Bearer ${test.token}` },
  });
  const reader = response.body!.getReader();
  assertStringIncludes(new TextDecoder().decode((await reader.read()).value), '"one"');
  const rest = reader.read();
  await test.api("DELETE", `/requests/${id}`);
  await t.heard("cancel");
  assert((await rest.then(() => undefined, (error) => error)) instanceof Error);
});

Deno.test("too many requests are refused with when to ask again, and what is not valid by its field", async () => {
  const clock = new TestClock(systemClock.now());
  await using test = await testPlatform({ clock });
  const agent = await enrolledAgent(test, "one", clock);
  for (
    const [more, words] of [
      [{ channel: "data" }, "channel"],
      [{ parameters: { runId: "x" } }, "runId"],
      [{ parameters: { runId: RUN_ID, file: "../x" } }, "file"],
      [{ withinSeconds: MAX_REQUEST_LIFE_MS }, "withinSeconds"],
      [{ reason: "x".repeat(1_001) }, "reason"],
    ] as const
  ) {
    const { status, body } = await ask(test, agent, more);
    assertEquals(status, 400);
    assertStringIncludes(body.error.message, words);
  }
  const ids: string[] = [];
  for (;;) {
    const { status, body } = await ask(test, agent);
    if (status === 429) {
      assertStringIncludes(body.error.message, "wait for one already");
      break;
    }
    ids.push(body.id);
    assert(ids.length <= MAX_REQUESTS_A_MINUTE);
  }
  for (let n = ids.length; n < MAX_REQUESTS_A_MINUTE; n++) {
    await test.api("DELETE", `/requests/${ids.pop()}`);
    ids.push((await ask(test, agent)).body.id);
  }
  await test.api("DELETE", `/requests/${ids[0]}`);
  const { status, body } = await ask(test, agent);
  assertEquals([status, body.error.code], [429, "request.busy"]);
  await clock.advance(1_000);
  assertEquals((await ask(test, agent)).status, 200);
});

Deno.test("an agent that does not know the channel is not asked", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using _t = await answerer(test, agent);
  const { status, body } = await ask(test, agent, { channel: "errors" });
  assertEquals(status, 400);
  assertStringIncludes(body.error.message, "knows no requests for errors");
});

Deno.test("a token is for what it was made for, can be taken back, and cannot take back itself", async () => {
  await using test = await testPlatform();
  const made = await test.api("POST", "/tokens", { name: "ada", rights: ["logs"] });
  const { token } = made.body as { token: string };
  assertEquals((await test.api("POST", "/tokens", { name: "ada", rights: [] })).status, 400);
  const { tokens } = (await test.api("GET", "/tokens")).body as {
    tokens: { name: string; rights: string[] }[];
  };
  assertEquals(tokens.map(({ name, rights }) => [name, rights.length]), [["ada", 1], ["first token", 5]]);
  const asAda = () =>
    fetch(`${test.platform.url}/api/v1/summary`, {
      client: test.client,
      headers: { authorization: `Bearer ${token}` },
    }).then(async (response) => {
      await response.body?.cancel();
      return response.status;
    });
  assertEquals(await asAda(), 200);
  assertEquals((await test.api("DELETE", "/tokens/ada")).status, 200);
  assertEquals(await asAda(), 401);
  assertEquals((await test.api("DELETE", "/tokens/first%20token")).status, 400);
});
