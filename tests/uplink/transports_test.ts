import { assert, assertEquals } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import { Backoff } from "../../src/base/backoff.ts";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { fromBase64Url } from "../../src/base/encoding.ts";
import type { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { decodeBundle } from "../../src/trust/bundle.ts";
import type { Transport } from "../../src/uplink/socket.ts";
import { noOperatorCas } from "../../src/uplink/tls_client.ts";
import { transportsOpener } from "../../src/uplink/transports.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { Uplink } from "../../src/uplink/uplink.ts";
import { fastClock } from "../support/clock.ts";
import { eventually, freePort } from "../support/fleet.ts";
import type { Upgrades } from "../support/front.ts";
import { Front } from "../support/front.ts";
import { Relay } from "../support/relay.ts";
import type { TestIdentity, TestPlatform } from "../platform/support.ts";
import { CAPABILITIES, enrolledAgent, testPlatform } from "../platform/support.ts";

/** The agent's own uplink with its transports. */
async function connecting(test: TestPlatform, { uid, certificate, key }: TestIdentity, clock: Clock) {
  const { body } = await test.api("POST", "/enrolments", {});
  const { proofKey } = decodeBundle((body as { bundle: string }).bundle);
  const ready: Transport[] = [];
  const errors: SallyportError[] = [];
  const send = (parts: MessageParts) =>
    uplink.send(encodeFrame(AgentToServerSchema, create(AgentToServerSchema, uplink.compose(parts))));
  const uplink: Uplink = new Uplink({
    identity: {
      authority: test.platform.authority,
      instanceUid: uid,
      ca: test.platform.ca,
      certificate,
      key,
      proofKey: fromBase64Url(proofKey),
    },
    capabilities: CAPABILITIES,
    open: transportsOpener({ clock, log: silentLog, operatorCas: noOperatorCas }),
    clock,
    log: silentLog,
    backoff: new Backoff({ baseMs: 500, capMs: 30_000 }),
    heartbeatMs: 30_000,
    listener: {
      proved() {},
      greet: () => send({ agentDescription: describe({}, { "os.type": "linux" }) }),
      ready: (_, transport) => ready.push(transport),
      heartbeat: () => send({}),
      message() {},
      farewell: () => send({ agentDisconnect: {} }),
      closed: ({ error, planned }) => planned || errors.push(error),
    },
  });
  const stop = new AbortController();
  const running = uplink.run(stop.signal);
  return {
    ready,
    errors,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** A platform behind something that lets no WebSocket pass, and an agent whose hour takes two minutes. */
async function behindFront(upgrades: Upgrades) {
  await using cleanup = new AsyncDisposableStack();
  const [inFront, platformPort] = [await freePort(), await freePort()];
  const relay = cleanup.use(await Relay.start(inFront));
  const listen = { host: "127.0.0.1", port: platformPort };
  const test = cleanup.use(await testPlatform({ listen, hostnames: [relay.authority] }));
  const keyFile = `${test.dataDir}/agent-key.pem`;
  const front = cleanup.use(
    await Front.start({
      port: inFront,
      upstream: `127.0.0.1:${platformPort}`,
      platformData: test.dataDir,
      ca: test.platform.ca,
      keyFiles: [keyFile],
      upgrades,
    }),
  );
  // The enrolment of the test's own goes past what lets no WebSocket pass.
  const direct = { ...test, platform: { ...test.platform, authority: `127.0.0.1:${platformPort}` } };
  const identity = await enrolledAgent(direct);
  await Deno.writeTextFile(keyFile, identity.key);
  const agent = cleanup.use(await connecting(test, identity, fastClock(30)));
  const all = cleanup.move();
  return {
    agent,
    front,
    /** Takes what stands in front out of the way. */
    async clear() {
      relay.port = platformPort;
      await front[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

for (const upgrades of ["refused", "swallowed", "silent"] as const) {
  Deno.test(`an agent whose WebSockets are ${upgrades} polls, and tries a WebSocket again and again`, async () => {
    await using t = await behindFront(upgrades);
    const tries = () => t.front.requests.filter((request) => request.startsWith("UPGRADE")).length;
    await eventually(
      () => [tries(), t.agent.ready.length],
      ([upgraded, ready]) => upgraded! >= 2 && ready! >= 2,
    );
    assertEquals(new Set(t.agent.ready), new Set(["polling"]));
  });
}

Deno.test("an agent that polls finds back to a WebSocket by itself", async () => {
  await using t = await behindFront("refused");
  await eventually(() => t.agent.ready, (ready) => ready.includes("polling"));
  await t.clear();
  await eventually(() => t.agent.ready, (ready) => ready.at(-1) === "websocket");
});

Deno.test("where WebSockets pass, nothing is polled", async () => {
  await using test = await testPlatform();
  await using agent = await connecting(test, await enrolledAgent(test), systemClock);
  await eventually(() => agent.ready, (ready) => ready.length > 0);
  assertEquals(agent.ready, ["websocket"]);
  assert(agent.errors.length === 0);
});
