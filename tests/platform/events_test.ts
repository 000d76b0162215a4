import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Events } from "../../src/platform/events.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { TestClock } from "../support/clock.ts";
import { EventReader } from "./stream.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const published = (process: string) => ["published", { process }] as const;

Deno.test("whoever comes back gets what happened meanwhile, in order and once", async () => {
  await using test = await testPlatform();
  let last: string;
  {
    await using reader = await EventReader.open(test);
    await enrolledAgent(test, "one");
    const first = await reader.next();
    assertEquals([first.type, first.data.name], ["agent", "one"]);
    last = first.id!;
  }
  await enrolledAgent(test, "two");
  await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
  await using reader = await EventReader.open(test, last);
  const missed = [await reader.next(), await reader.next()];
  assertEquals(missed.map(({ type }) => type), ["agent", "published"]);
  assertEquals(missed[0]!.data.name, "two");
  await enrolledAgent(test, "three");
  const live = await reader.until(({ type }) => type === "agent");
  assertEquals(live.data.name, "three");
  assertEquals(new Set([last, live.id, ...missed.map(({ id }) => id)]).size, 4);
});

Deno.test("what an agent says is wrong with it is told when it changes, and not when it is said again", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using reader = await EventReader.open(test);
  const off = (words: string) => {
    const clock = { healthy: true, status: "warning", lastError: `clock.off: ${words}` };
    return {
      health: {
        healthy: true,
        componentHealthMap: { status: { ...clock, componentHealthMap: { "clock.off": clock } } },
      },
    };
  };
  for (const words of ["2 hours", "2 hours", "3 hours"]) {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, { agentDescription: describe({}, {}), ...off(words) }));
    await connection.next();
    await connection.send(toServer(agent.uid, 2, off(words)));
    await connection.next();
  }
  await using last = opampConnection(test, agent);
  await last.send(toServer(agent.uid, 1, { agentDescription: describe({}, {}), health: { healthy: true } }));
  const told: string[][] = [];
  while (told.at(-1)?.length !== 0) {
    const { data } = await reader.until(({ type }) => type === "health");
    told.push((data.conditions as unknown as { reason: string }[]).map(({ reason }) => reason));
  }
  assertEquals(told, [["2 hours"], ["3 hours"], []]);
});

Deno.test("the stream says so when events are lacking: after a restart, and for an id that is none", async () => {
  await using test = await testPlatform();
  let last: string;
  {
    await using reader = await EventReader.open(test);
    await enrolledAgent(test, "one");
    last = (await reader.next()).id!;
  }
  await test.restart();
  await enrolledAgent(test, "two");
  for (const id of [last, "nonsense", "-"]) {
    await using reader = await EventReader.open(test, id);
    const lack = await reader.next();
    assertEquals([lack.type, lack.id, lack.data.after], ["missed", undefined, id]);
    assertEquals((await reader.next()).data.name, "two");
  }
});

Deno.test("only the last thousand events are kept, and an older one is known to be lacking", () => {
  const events = new Events(new TestClock());
  const ids: string[] = [];
  events.watch(({ id }) => ids.push(id));
  for (let i = 1; i <= 1_500; i++) events.emit(...published(`p${i}`));
  const names = (id: string) => events.since(id).events.map(({ data }) => "process" in data && data.process);
  assertEquals(events.since(ids[499]!).complete, true);
  assertEquals(names(ids[499]!).length, 1_000);
  assertEquals(names(ids[1_497]!), ["p1499", "p1500"]);
  assertEquals(events.since(ids[1_499]!), { complete: true, events: [] });
  assertEquals(events.since(ids[498]!).complete, false);
  assertEquals([names(ids[0]!).length, names(ids[0]!)[0]], [1_000, "p501"]);
  assertEquals(events.since(`${ids[0]!.split("-")[0]}-9999`).complete, false);
  assertNotEquals(ids[0], ids[1]);
  assert(new Events(new TestClock()).since(ids[0]!).events.length === 0);
});
