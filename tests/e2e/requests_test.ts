import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { MAX_CHUNK_BYTES } from "../../src/base/limits.ts";
import { PlatformClient } from "../../scripts/lib/platform_client.ts";
import type { RequestView } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import { relayedFleet } from "../support/relay.ts";

const ASK = "logs: { send: ask }\n";
/** A log of so many messages makes an answer of many chunks. */
const MESSAGES = 4_000;
/** Each broken connection makes the wait for the next one longer, so that there cannot be as many of them. */
const MESSAGES_TO_CUT = 1_800;

/** A fleet whose agent has run once; gives the run's id. */
async function withRun(fleet: Fleet): Promise<string> {
  await fleet.startAgent().connected();
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n2,x\n");
  const [run] = await eventually(
    () => fleet.runViews(),
    ([run]) => run !== undefined && run.outcome !== "running",
  );
  return run!.id;
}

/** Makes the log of a run long, as if it had said much. */
async function lengthenLog(fleet: Fleet, run: string, messages = MESSAGES): Promise<void> {
  const path = `${fleet.home}/state/logs/${run}.ndjson`;
  const lines = (await Deno.readTextFile(path)).split("\n");
  const last = lines.findLastIndex((line) => line.includes('"ended":true'));
  const time = "2026-01-01T00:00:00.000Z";
  const more = Array.from(
    { length: messages },
    (_, n) => JSON.stringify({ kind: "message", time, level: "info", message: `${n} `.padEnd(500, "x") }),
  );
  lines.splice(last, 0, ...more);
  await Deno.writeTextFile(path, lines.join("\n"));
}

async function ask(
  fleet: Fleet,
  runId: string,
  { channel = "logs", api = fleet.api, withinSeconds = 60, ...more }: {
    channel?: string;
    api?: PlatformClient;
    withinSeconds?: number;
    follow?: boolean;
  } = {},
): Promise<RequestView> {
  const { agents } = await fleet.api.get<{ agents: { id: string }[] }>("/agents");
  const body = { channel, parameters: { runId, ...more }, reason: "orders are missing", withinSeconds };
  return await api.call("POST", `/agents/${agents[0]!.id}/requests`, body);
}

const stateOf = (fleet: Fleet, { id }: RequestView) => fleet.api.get<RequestView>(`/requests/${id}`);

const until = (fleet: Fleet, request: RequestView, ...states: string[]) =>
  eventually(() => stateOf(fleet, request), ({ state }) => states.includes(state));

/** A request whose long answer has begun to arrive. */
async function inTheMiddle(fleet: Fleet): Promise<{ run: string; request: RequestView }> {
  await fleet.enrol();
  const run = await withRun(fleet);
  await lengthenLog(fleet, run);
  const request = await ask(fleet, run);
  await eventually(() => stateOf(fleet, request), ({ answer }) => answer.records > 0);
  return { run, request };
}

async function answerOf(fleet: Fleet, { id }: RequestView): Promise<Record<string, unknown>[]> {
  const response = await fleet.api.stream(`/requests/${id}/answer`);
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("somebody asks for the log and the errors of a run; who asked stands in ledger and audit", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const run = await withRun(fleet);
  const logs = await answerOf(fleet, await ask(fleet, run));
  assertEquals(logs[0]!.kind, "summary");
  assert(logs.some(({ kind, message }) => kind === "message" && message === "run ended"));
  const errors = await answerOf(fleet, await ask(fleet, run, { channel: "errors" }));
  assert(errors.some(({ kind, row }) => kind === "document" && row === 2));
  const unknown = await ask(fleet, "01890a5d-ac96-774b-bcce-b302099a8057");
  const { outcome } = await until(fleet, unknown, "failed");
  assertEquals(outcome!.code, "run.unknown");

  const { entries: audit } = await fleet.api.get<{ entries: { who: string; action: string }[] }>("/audit");
  assertEquals(
    audit.filter(({ action }) => action.startsWith("request.")).map(({ who, action }) => `${who} ${action}`),
    ["test request.failed", "first token request.ask", "test request.answered", "first token request.ask"]
      .concat(["test request.answered", "first token request.ask"]),
  );
  const { entries } = await fleet.json<{ entries: { class: string; records: string }[] }>(
    ["egress", "--class", "errors"],
  );
  assertStringIncludes(entries[0]!.records, "of first token: chunk 0");
  assertEquals((await fleet.run(["egress", "verify"])).code, EXIT.ok);
});

Deno.test("a request waits for an agent that is away, and fails in words when its deadline passes", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const run = "01890a5d-ac96-774b-bcce-b302099a8057";
  const late = await ask(fleet, run, { withinSeconds: 1 });
  const [early, withdrawn] = [await ask(fleet, run), await ask(fleet, run)];
  assertEquals([late.state, early.state], ["queued", "queued"]);
  const { outcome } = await until(fleet, late, "expired");
  assertEquals(outcome!.code, "request.expired");
  assertStringIncludes(outcome!.reason!, "was not online");
  const response = await fleet.api.stream(`/requests/${late.id}/answer`);
  assertEquals(response.status, 409);
  assertStringIncludes(await response.text(), "request.expired");
  await fleet.api.call("DELETE", `/requests/${withdrawn.id}`);
  assertEquals((await stateOf(fleet, withdrawn)).state, "cancelled");

  await fleet.startAgent().connected();
  assertEquals((await until(fleet, early, "failed")).outcome!.code, "run.unknown");
});

Deno.test("whoever has no right to a class is refused, and may not change anything else either", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { token } = await fleet.api.call<{ token: string }>("POST", "/tokens", {
    name: "ada",
    rights: ["logs"],
  });
  const ada = new PlatformClient(`https://${fleet.authority}`, token, fleet.platform.ca);
  const run = "01890a5d-ac96-774b-bcce-b302099a8057";
  const refused = async (what: Promise<unknown>) =>
    assertStringIncludes(String(await what.catch(String)), "403");
  await refused(ask(fleet, run, { channel: "errors", api: ada }));
  await refused(ada.publish("copy", COPY_PROCESS));
  await refused(ada.call("POST", "/tokens", { name: "more", rights: ["administer"] }));
  const request = await ask(fleet, run, { api: ada });
  const other = await ask(fleet, run);
  await refused(ada.call("DELETE", `/requests/${other.id}`));
  await ada.call("DELETE", `/requests/${request.id}`);
  ada.close();
});

Deno.test("a connection that is added while the engine runs can be browsed a moment later", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await withRun(fleet);
  const { agents } = await fleet.api.get<{ agents: { id: string }[] }>("/agents");
  const browse = async () => {
    const wish = { channel: "schema", parameters: { connection: "files" }, withinSeconds: 60 };
    const request = await fleet.api.call<RequestView>("POST", `/agents/${agents[0]!.id}/requests`, wish);
    return await until(fleet, request, "answered", "failed");
  };
  assertEquals((await browse()).outcome?.code, "connection.unknown");
  await fleet.drop("data/shop/orders.csv", "id,total\n1,2\n");
  await Deno.writeTextFile(
    `${fleet.home}/connections.yaml`,
    "connections:\n  files: { disk: { path: shop } }\n",
  );
  const { answer } = await eventually(browse, ({ state }) => state === "answered");
  assertEquals(answer.records > 2, true);
});

Deno.test("what needs approval waits for it, is shown as it would leave, and is answered or refused", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await Deno.writeTextFile(`${fleet.home}/policy.yaml`, ASK);
  const run = await withRun(fleet);
  const [first, second] = [await ask(fleet, run), await ask(fleet, run)];
  for (const request of [first, second]) await until(fleet, request, "waiting");
  await eventually(
    () => fleet.agentView(),
    ({ health }) => health!.conditions.some(({ code }) => code === "requests.waiting"),
  );
  const { requests } = await fleet.json<{ requests: { id: string; requester: string }[] }>(["requests"]);
  assertEquals(requests.map(({ id, requester }) => [id, requester]).sort(), [
    [first.id, "first token"],
    [second.id, "first token"],
  ]);
  const preview = await fleet.run(["requests", "preview", first.id]);
  assertEquals(preview.code, EXIT.ok, preview.stderr);

  assertEquals((await fleet.run(["requests", "approve", first.id])).code, EXIT.ok);
  await until(fleet, first, "answered");
  const response = await fleet.api.stream(`/requests/${first.id}/answer`);
  assertEquals(await response.text(), preview.stdout, "what left is what was shown");
  assertEquals((await fleet.run(["requests", "deny", second.id, "--reason", "not today"])).code, EXIT.ok);
  assertEquals((await until(fleet, second, "refused")).outcome!.reason, "not today");

  const third = await ask(fleet, run);
  await until(fleet, third, "waiting");
  assertEquals((await fleet.run(["requests", "approve", third.id, "--for", "2h"])).code, EXIT.ok);
  await until(fleet, await ask(fleet, run), "answered");
  assertEquals((await fleet.run(["requests", "approve", third.id])).code, EXIT.failed);
});

Deno.test("an answer that is interrupted after each of its chunks arrives whole, and its records once", async () => {
  await using relayed = await relayedFleet(30);
  const { fleet, relay } = relayed;
  const run = await withRun(fleet);
  await lengthenLog(fleet, run, MESSAGES_TO_CUT);
  relay.cutAfterBytes = MAX_CHUNK_BYTES * 1.2; // one chunk passes, and the next breaks off
  const request = await ask(fleet, run);
  await until(fleet, request, "answered", "failed", "refused", "expired");
  assert(relay.cuts >= 3, `${relay.cuts} cuts`);
  const messages = (await answerOf(fleet, request)).filter(({ kind }) => kind === "message");
  assertEquals(new Set(messages.map(({ message }) => message)).size, messages.length);
  assert(messages.length >= MESSAGES_TO_CUT);
});

Deno.test("an agent that is killed in the middle of an answer fails it, and answers when asked again", async () => {
  await using fleet = await Fleet.start();
  const { run, request } = await inTheMiddle(fleet);
  await fleet.killAgents();
  const { state } = await stateOf(fleet, request);
  await fleet.startAgent().connected();
  const { outcome } = await until(fleet, request, "failed", "answered");
  if (state !== "answered") assertEquals(outcome!.code ?? "request.interrupted", "request.interrupted");
  assertEquals((await answerOf(fleet, await ask(fleet, run))).length > MESSAGES, true);
  assertEquals((await fleet.run(["egress", "verify"])).code, EXIT.ok);
});

Deno.test("a platform that is started anew in the middle of an answer goes on with it", async () => {
  await using fleet = await Fleet.start();
  const { request } = await inTheMiddle(fleet);
  await fleet.stopPlatform();
  await fleet.startPlatform();
  await until(fleet, request, "answered");
  const response = await fleet.api.stream(`/requests/${request.id}/answer?format=gzip`);
  const gunzip = new Deno.Command("gunzip", { stdin: "piped", stdout: "piped" }).spawn();
  const [{ stdout }] = await Promise.all([gunzip.output(), response.body!.pipeTo(gunzip.stdin)]);
  const plain = await (await fleet.api.stream(`/requests/${request.id}/answer`)).bytes();
  assertEquals(sha256Hex(stdout), sha256Hex(plain));
  assertEquals(new TextDecoder().decode(plain).split("\n").length - 1 > MESSAGES, true);
});
