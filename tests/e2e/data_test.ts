import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { RunView } from "../support/fleet.ts";

const TRACKING = `${COPY_PROCESS}track:
  until: 2999-12-31
  fields: { order: id, "amount due": amount }
`;
const ALLOWED = "data: { send: allow, until: 2999-06-30, processes: [c*] }\n";

interface Documents {
  documents: { name: string; row: number; result: string; fields: Record<string, string> }[];
  until?: string;
}
interface Explained {
  tracked: { process: string; fields: string[]; reason: string | null }[];
  example: { from: string; verdict: string; payload: { documents: unknown[] } } | null;
}
interface Egress {
  entries: { number: number; class: string; records: string }[];
}

/** Puts a policy in force. */
async function writePolicy(
  fleet: Fleet,
  agent: ReturnType<Fleet["startAgent"]>,
  text: string,
): Promise<void> {
  const from = agent.lines.length;
  await fleet.drop("policy.yaml", text);
  await agent.line(({ message }) => message === "policy in force", from);
}

/** Feeds one file to the process, and gives the run when the platform knows its end. */
async function run(fleet: Fleet, name: string, content: string): Promise<RunView> {
  const before = (await fleet.runViews()).map(({ id }) => id);
  await fleet.drop(`data/in/${name}.csv`, `id,amount,secret\n${content}\n`);
  const views = await eventually(
    () => fleet.runViews(),
    (runs) => runs.some(({ id, outcome }) => !before.includes(id) && outcome !== "running"),
  );
  return views.find(({ id }) => !before.includes(id))!;
}

const documents = (fleet: Fleet, id: string) => fleet.api.get<Documents>(`/runs/${id}/documents`);
const explain = (fleet: Fleet) => fleet.json<Explained>(["policy", "explain", "data"]);
const sent = async (fleet: Fleet) =>
  (await fleet.json<Egress>(["egress", "--class", "data", "--last", "1000"])).entries.length;
const waiting = async (fleet: Fleet) =>
  (await fleet.json<{ spool: { channel: string; waiting: number }[] }>(["status"])).spool
    .find(({ channel }) => channel === "data")?.waiting ?? 0;

Deno.test("tracked fields leave when both the owner and the process allow it, and then those fields only", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", TRACKING);
  const agent = fleet.startAgent();
  await agent.connected();

  const unseen = await run(fleet, "a", "A1,1,sssh");
  const line = await agent.line(({ message }) => message === "the tracked fields are not taken");
  assertStringIncludes(String(line.reason), "does not allow the class data");
  assertEquals([await sent(fleet), await waiting(fleet)], [0, 0]);
  const [here] = (await explain(fleet)).tracked;
  assertEquals(here?.reason, "the policy denies the class data");

  await writePolicy(fleet, agent, ALLOWED);
  const seen = await run(fleet, "b", "B1,2,sssh\nB2,many,sssh");
  const shown = await eventually(() => documents(fleet, seen.id), (page) => page.documents.length > 0);
  assertEquals(shown.documents.map(({ name, row, result, fields }) => [name, row, result, fields]), [
    ["b.csv", 1, "out", { order: "B1", "amount due": "2" }],
    ["b.csv", 2, "failed", { order: "B2", "amount due": "many" }],
  ]);
  assertEquals(shown.until, "2999-06-30T23:59:59.000Z");
  assertEquals((await documents(fleet, unseen.id)).documents, []);

  // What left stands in the ledger under its class, and the policy's example is taken from there.
  const { entries } = await fleet.json<Egress>(["egress", "--class", "data"]);
  assertEquals(entries.map(({ records }) => records), ["resume", "seq 1-1 (1)"]);
  const { tracked, example } = await explain(fleet);
  assertEquals(tracked, [{
    process: "copy",
    fields: ["order", "amount due"],
    until: "2999-12-31T23:59:59Z",
    documents: 1_000,
    reason: null,
  }]);
  assertEquals([/^ledger, entry/.test(example!.from), example!.verdict], [true, "allow"]);
  assertEquals(example!.payload.documents.length, 2);
  const { stdout } = await fleet.run(["policy", "explain", "data"]);
  assertStringIncludes(stdout, "copy tracks order, amount due of up to 1000 documents a run");
  assertStringIncludes(stdout, '"order": "B2"');
  let left = "";
  for (const { number } of entries) left += (await fleet.run(["egress", "show", String(number)])).stdout;
  assert(left.includes('"order": "B1"') && !left.includes("sssh"), left);

  // Another process's name, a request that somebody must approve, and a time that is over: nothing more.
  const before = await sent(fleet);
  for (
    const narrower of [
      "data: { send: allow, until: 2999-06-30, processes: [orders] }\n",
      "data: { send: ask, until: 2999-06-30 }\n",
      "data: { send: allow, until: 2020-06-30 }\n",
    ]
  ) {
    await writePolicy(fleet, agent, narrower);
    const { id } = await run(fleet, `c${narrower.length}`, "C1,3,sssh");
    assertEquals([(await documents(fleet, id)).documents, await waiting(fleet)], [[], 0]);
  }
  assertEquals(await sent(fleet), before);
});

Deno.test("what waits when its owner forbids it never leaves; what a process's end overtakes neither", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", TRACKING);
  const agent = fleet.startAgent();
  await agent.connected();
  await writePolicy(fleet, agent, ALLOWED);
  await fleet.stopPlatform();
  await agent.line(({ message }) => message === "not connected");
  await fleet.drop("data/in/a.csv", "id,amount\nA1,1\n");
  await eventually(() => waiting(fleet), (count) => count === 1);
  const preview = () =>
    fleet.json<{ payloads: { class: string; verdict: string; reason: string; changes: unknown[] }[] }>([
      "policy",
      "preview",
    ]);
  const waits = (await preview()).payloads.find((each) => each.class === "data");
  assertEquals(waits?.verdict, "shape");
  assertEquals(waits?.changes, [{
    field: "until",
    before: '"2999-12-31T23:59:59Z"',
    after: '"2999-06-30T23:59:59Z"',
  }]);

  await writePolicy(fleet, agent, "data: deny\n");
  const denied = (await preview()).payloads.find((each) => each.class === "data");
  assertEquals(denied?.verdict, "drop");
  await fleet.startPlatform();
  await eventually(() => waiting(fleet), (count) => count === 0);
  const runs = await eventually(() => fleet.runViews(), (runs) => runs[0]?.outcome === "succeeded");
  assertEquals([(await documents(fleet, runs[0]!.id)).documents, await sent(fleet)], [[], 0]);

  await writePolicy(fleet, agent, ALLOWED);
  const from = agent.lines.length;
  await fleet.api.publish("copy", TRACKING.replace("2999", "2020"));
  await agent.line(({ message }) => message === "process active", from);
  const { id } = await run(fleet, "b", "B1,1,x");
  assertEquals([(await documents(fleet, id)).documents, await sent(fleet)], [[], 0]);
});
