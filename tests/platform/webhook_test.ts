import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createLog } from "../../src/base/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { uuidv7 } from "../../src/base/ids.ts";
import { Events } from "../../src/platform/events.ts";
import type { Notice } from "../../src/platform/webhook/notice.ts";
import { noticeOf } from "../../src/platform/webhook/notice.ts";
import { webhookOptions } from "../../src/platform/webhook/options.ts";
import { startWebhook } from "../../src/platform/webhook/webhook.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { TestClock } from "../support/clock.ts";
import { eventually, freePort } from "../support/fleet.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const SECRET = "a secret that is long enough";

interface Delivery {
  notice: Record<string, string>;
  body: string;
  headers: IncomingHttpHeaders;
}

/** An HTTP server that takes notices, answering with the statuses that are set, and 200 after them. */
class Receiver implements AsyncDisposable {
  readonly tries: Delivery[] = [];
  readonly statuses: number[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const body = await text(request);
      this.tries.push({ notice: JSON.parse(body), body, headers: request.headers });
      response.writeHead(this.statuses.shift() ?? 200).end("thanks");
    });
  }

  static async start(port = 0): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/notices`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** A log whose lines can be read. */
function readableLog(): { log: ReturnType<typeof createLog>; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  return { log: createLog({ clock: systemClock, format: "json", level: "debug", write }), lines };
}

const online = (name: string) => ["agent", { id: uuidv7(systemClock), name, state: "online" }] as const;

Deno.test("changes of state and failed runs are told, signed, each once", async () => {
  await using receiver = await Receiver.start();
  await using test = await testPlatform({ webhook: { url: receiver.url, secret: SECRET } });
  const agent = await enrolledAgent(test, "till 7");
  const run = { runId: uuidv7(systemClock), process: "orders", version: "1", definition: "ab12ab12ab12" };
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, { agentDescription: describe({}, {}) }));
    await connection.next();
    const at = "2026-11-23T00:00:00.000Z";
    const started = { ...run, trigger: "manual", startedAt: at };
    const finished = {
      ...started,
      kind: "run-finished",
      endedAt: at,
      outcome: "failed",
      documents: { in: 1, out: 0, filtered: 0, failed: 1 },
      bytesIn: 1,
      bytesOut: 0,
      files: [],
      fileCount: 0,
      error: { code: "sink.unwritable", message: "the folder is gone" },
    };
    const records = [{ seq: 1, record: { ...started, kind: "run-started" } }, { seq: 2, record: finished }];
    const batch = { stream: uuidv7(systemClock), through: 2, records };
    await connection.send(
      toServer(agent.uid, 2, { customMessage: jsonMessage(CUSTOM.tracking, "batch", batch) }),
    );
    assertEquals((await connection.next()).customMessage?.type, "ack");
  }
  const tries = await eventually(() => receiver.tries, ({ length }) => length >= 4);
  const told = tries.map(({ notice: { event, state, reason } }) => [event, state, reason]);
  assertEquals(told, [
    ["agent", "offline", "not connected yet"],
    ["agent", "online", null],
    ["run-failed", "failed", "the folder is gone"],
    ["agent", "offline", "connection lost"],
  ] as unknown as string[][]);
  assertEquals([tries[2]!.notice.run, tries[2]!.notice.process], [run.runId, "orders"]);
  for (const { notice, body, headers } of tries) {
    assertEquals([notice.agent, notice.agentName], [agent.uid, "till 7"]);
    assert(Date.parse(notice.time!) > 0);
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    assertEquals(headers["sallyport-signature"], `sha256=${signature}`);
    assertEquals(headers["sallyport-delivery"], notice.id);
  }
  assertEquals(new Set(tries.map(({ notice }) => notice.id)).size, tries.length);
});

Deno.test("what an operator has to act on is told: clones, and agents that wait for approval", () => {
  const clock = new TestClock();
  const events = new Events(clock);
  const told: unknown[] = [];
  events.watch((event) => told.push(noticeOf(event, clock)));
  const agent = { id: uuidv7(clock), name: "till 7" };
  events.emit("clones", { ...agent, state: "found", reason: "this home was copied" });
  events.emit("clones", { ...agent, state: "gone" });
  events.emit("recovery", { ...agent, state: "waiting", reason: "it expired" });
  events.emit("key-rotation", { ...agent, state: "requested" });
  const facts = (told as (Notice | undefined)[]).map((notice) =>
    notice && [notice.event, notice.agent, notice.agentName, notice.state, notice.reason]
  );
  const of = (
    event: string,
    state: string,
    reason: string | null,
  ) => [event, agent.id, agent.name, state, reason];
  assertEquals(facts, [
    of("clones", "found", "this home was copied"),
    of("clones", "gone", null),
    of("recovery", "waiting", "it expired"),
    undefined,
  ]);
});

Deno.test("a delivery that fails is tried again with the same id, and the order stays", async () => {
  await using receiver = await Receiver.start();
  receiver.statuses.push(500, 503);
  const events = new Events(systemClock);
  const { log } = readableLog();
  const webhook = startWebhook({ url: receiver.url, random: () => 0 }, { clock: systemClock, log, events });
  events.emit(...online("one"));
  events.emit(...online("two"));
  const tries = await eventually(() => receiver.tries, ({ length }) => length >= 4);
  assertEquals(tries.map(({ notice }) => notice.agentName), ["one", "one", "one", "two"]);
  assertEquals(new Set(tries.map(({ notice }) => notice.id)).size, 2);
  assertEquals(tries[0]!.headers["sallyport-signature"], undefined);
  webhook.stop();
});

Deno.test("a delivery that always fails is given up, said in the log, and the next one goes on", async () => {
  await using receiver = await Receiver.start();
  receiver.statuses.push(...Array(8).fill(500));
  const events = new Events(systemClock);
  const { log, lines } = readableLog();
  const webhook = startWebhook({ url: receiver.url, random: () => 0 }, { clock: systemClock, log, events });
  events.emit(...online("one"));
  events.emit(...online("two"));
  const tries = await eventually(() => receiver.tries, ({ length }) => length >= 9);
  assertEquals(tries.map(({ notice }) => notice.agentName), [...Array(8).fill("one"), "two"]);
  const given = lines.find(({ level }) => level === "error")!;
  assertEquals([given.id, given.tries], [tries[0]!.notice.id, 8]);
  assertStringIncludes(String(given.reason), "500");
  webhook.stop();
});

Deno.test("a receiver that is away gets what happened meanwhile when it comes back", async () => {
  const port = await freePort();
  const clock = new TestClock(Date.now());
  const events = new Events(clock);
  const { log, lines } = readableLog();
  const url = `http://127.0.0.1:${port}/notices`;
  const webhook = startWebhook({ url, random: () => 0.5 }, { clock, log, events });
  events.emit(...online("one"));
  events.emit(...online("two"));
  await eventually(() => lines, (said) => said.some(({ message }) => message === "a delivery failed"));
  await using receiver = await Receiver.start(port);
  const tries = await eventually(async () => {
    await clock.advance(1_000);
    return receiver.tries;
  }, ({ length }) => length >= 2);
  assertEquals(tries.map(({ notice }) => notice.agentName), ["one", "two"]);
  webhook.stop();
});

Deno.test("what waits is bounded: the oldest goes, and the log counts", async () => {
  const port = await freePort();
  const clock = new TestClock(Date.now());
  const events = new Events(clock);
  const { log, lines } = readableLog();
  const url = `http://127.0.0.1:${port}/notices`;
  const webhook = startWebhook({ url, random: () => 0 }, { clock, log, events });
  for (let i = 0; i < 1_201; i++) events.emit(...online(`agent ${i}`)); // one is under way, 1,000 wait
  await using receiver = await Receiver.start(port);
  const tries = await eventually(async () => {
    await clock.advance(1);
    return receiver.tries;
  }, ({ length }) => length >= 1_001);
  assertEquals(tries.map(({ notice }) => notice.agentName).slice(-2), ["agent 1199", "agent 1200"]);
  const dropped = lines.filter(({ dropped }) => dropped !== undefined).map(({ dropped }) => dropped);
  assertEquals(dropped, [200]);
  webhook.stop();
});

Deno.test("the address and the secret of the command line are checked", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, `${SECRET}\n`);
  assertEquals(await webhookOptions(undefined, undefined), undefined);
  assertEquals(await webhookOptions("https://x.example/n", file), {
    url: "https://x.example/n",
    secret: SECRET,
  });
  await assertRejects(() => webhookOptions(undefined, file), Error, "--webhook URL");
  await assertRejects(() => webhookOptions("ftp://x.example", file), Error, "https://");
  await assertRejects(() => webhookOptions("https://x.example", `${file}.none`), Error, "cannot be read");
  await Deno.writeTextFile(file, "short\n");
  await assertRejects(() => webhookOptions("https://x.example", file), Error, "16 characters");
  await Deno.remove(file);
});
