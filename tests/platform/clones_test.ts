import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Attributes } from "../../src/protocol/attributes.ts";
import { describe, START_ID } from "../../src/protocol/attributes.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { TestClock } from "../support/clock.ts";
import { TestPoller } from "./poller.ts";
import { EventReader } from "./stream.ts";
import type { TestConnection, TestIdentity, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const MINUTE = 60_000;

interface View {
  state: string;
  clones?: { since: string; lastSeen: string; starts: { id: string; address: string; facts: object }[] };
}

const view = async (test: TestPlatform, { uid }: TestIdentity) =>
  (await test.api("GET", `/agents/${uid}`)).body as View;

/** A session of one start of an agent, introduced; whoever holds it closes it. */
async function start(test: TestPlatform, agent: TestIdentity, id: string): Promise<TestConnection> {
  const connection = opampConnection(test, agent);
  const other: Attributes = { "os.type": "linux" };
  if (id !== "") other[START_ID] = id;
  const agentDescription = describe({ "service.version": "1" }, other);
  await connection.send(toServer(agent.uid, 1, { agentDescription }));
  await connection.next();
  return connection;
}

/** How a session was ended by the platform. */
async function ending(connection: TestConnection): Promise<string> {
  const { errorResponse } = await connection.next();
  return `${(await connection.ended).code} ${errorResponse?.errorMessage}`;
}

async function underTest() {
  const clock = new TestClock(Date.now());
  const test = await testPlatform({ clock, heartbeatSeconds: 9_999 });
  return { clock, test, agent: await enrolledAgent(test, "till 7", clock) };
}

Deno.test("an agent that is restarted, or connects anew, has no clones", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  for (const id of ["one", "two", "two", "three"]) await (await start(test, agent, id)).close();
  for (const id of ["", "", ""]) await (await start(test, agent, id)).close(); // a plain OpAMP agent
  assertEquals((await view(test, agent)).clones, undefined);
});

Deno.test("a start that comes back after another is a clone: named everywhere, and told to both", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  await using reader = await EventReader.open(test);
  await (await start(test, agent, "before a restart")).close();
  await using first = await start(test, agent, "A");
  await using second = await start(test, agent, "B");
  assertMatch(await ending(first), new RegExp(`^${CLOSE.superseded} another connection`));
  assertEquals((await view(test, agent)).clones, undefined);

  await using third = await start(test, agent, "A");
  const words = await ending(second);
  assertMatch(words, new RegExp(`^${CLOSE.superseded} this home was copied: .*from 127.0.0.1 \\(2 starts`));
  await using _fourth = await start(test, agent, "B");
  assertEquals(await ending(third), words);

  const { state, clones } = await view(test, agent);
  assertEquals([state, clones?.starts.map(({ id, address }) => [id, address])], [
    "online",
    [["A", "127.0.0.1"], ["B", "127.0.0.1"]],
  ]);
  assertEquals(clones?.starts[0]?.facts, { "service.version": "1", "os.type": "linux" });
  const { data } = await reader.until(({ type }) => type === "clones");
  assertEquals([data.id, data.name, data.state], [agent.uid, "till 7", "found"]);
  assertStringIncludes(words, data.reason!);
  const { body } = await test.api("GET", "/audit");
  const entries = (body as { entries: { who: string; action: string; subject: string }[] }).entries
    .filter(({ action }) => action === "agent.clones-found");
  assertEquals(entries.map(({ who, subject }) => [who, subject]), [["(platform)", agent.uid]]);
});

Deno.test("while clones take turns the agent stays online, and nobody is told of each turn", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  await using reader = await EventReader.open(test);
  const sessions: TestConnection[] = [];
  for (const id of ["A", "B", "A", "B", "A"]) sessions.push(await start(test, agent, id));
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  const told: string[] = [];
  while (!told.at(-1)?.startsWith("clones gone")) {
    const { type, data } = await reader.next();
    told.push(`${type} ${data.state}`);
  }
  assertEquals(told, ["agent online", "clones found", "agent offline", "clones gone"]);
  for (const session of sessions) await session[Symbol.asyncDispose]();
});

Deno.test("clones are gone ten minutes after the last turn, or when the agent is revoked", async () => {
  const { clock, test, agent } = await underTest();
  await using _ = test;
  const sessions = [await start(test, agent, "A")];
  await clock.advance(60 * MINUTE); // B is long in session before A comes back
  sessions.push(await start(test, agent, "B"));
  await clock.advance(60 * MINUTE);
  sessions.push(await start(test, agent, "A"));
  assertEquals((await view(test, agent)).clones?.starts.length, 2);
  await using reader = await EventReader.open(test);
  await clock.advance(9.9 * MINUTE);
  assert((await view(test, agent)).clones);
  await clock.advance(0.2 * MINUTE);
  assertEquals((await view(test, agent)).clones, undefined);
  assertEquals((await reader.until(({ data }) => data.state === "gone")).type, "clones");

  sessions.push(await start(test, agent, "B")); // it is not forgotten: one turn is enough now
  assert((await view(test, agent)).clones);
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  assertEquals((await view(test, agent)).clones, undefined);
  for (const session of sessions) await session[Symbol.asyncDispose]();
});

Deno.test("after a restart of the platform clones are found again when the first comes back", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  for (const id of ["A", "B", "A"]) await (await start(test, agent, id)).close();
  assert((await view(test, agent)).clones);
  await test.restart();
  assertEquals((await view(test, agent)).clones, undefined);
  for (const id of ["B", "A", "B"]) await (await start(test, agent, id)).close();
  assert((await view(test, agent)).clones);
});

Deno.test("a copy that is restarted again and again costs no memory without bound", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  for (let i = 0; i < 20; i++) {
    for (const id of ["A", `copy ${i}`]) await (await start(test, agent, id)).close();
  }
  await (await start(test, agent, "A")).close();
  assertEquals((await view(test, agent)).clones?.starts.length, 16);
});

Deno.test("two that poll share a session and throw nobody out: they are named, and told of each other", async () => {
  const { test, agent } = await underTest();
  await using _ = test;
  const described = (id: string) => ({ agentDescription: describe({}, { [START_ID]: id }) });
  const [a, b] = [new TestPoller(test, agent), new TestPoller(test, agent)];
  const [proofOfA, proofOfB] = [await a.proof(), await b.proof()];
  await a.sealed(proofOfA, toServer(agent.uid, 0, described("A")));
  await b.sealed(proofOfB, toServer(agent.uid, 0, described("B")));
  const { message, closed } = await a.sealed(proofOfA, toServer(agent.uid, 1, described("A")));
  assertEquals(closed, 0);
  assertStringIncludes(message.errorResponse!.errorMessage, "this home was copied");
  const { state, clones } = await view(test, agent);
  assertEquals([state, clones?.starts.length], ["online", 2]);
  for (const poller of [a, b]) poller[Symbol.dispose]();
});
