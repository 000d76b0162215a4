import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../src/base/clock.ts";
import { fromBase64Url } from "../../src/base/encoding.ts";
import { randomToken, uuidv7 } from "../../src/base/ids.ts";
import { MAX_MESSAGE_BYTES } from "../../src/base/limits.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { enrolmentCertificateSchema } from "../../src/protocol/enrolment.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import { PLAIN_TYPE, SEALED_TYPE } from "../../src/protocol/polling.ts";
import { ackSchema } from "../../src/protocol/payloads/stream.ts";
import { decodeBundle } from "../../src/trust/bundle.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { verifyProof } from "../../src/trust/proof.ts";
import { TestClock } from "../support/clock.ts";
import { RUN_STARTED } from "../support/records.ts";
import { encode, TestPoller } from "./poller.ts";
import type { TestPlatform } from "./support.ts";
import { enrolledAgent, enrolmentRequest, opampConnection, testPlatform, toServer } from "./support.ts";

const description = { agentDescription: describe({ "service.version": "1.2.3" }, { "os.type": "linux" }) };

interface AgentView {
  state: string;
  reason?: string;
  transport?: string;
  attributes: Record<string, string>;
}

async function agentView(test: TestPlatform, uid: string): Promise<AgentView> {
  return (await test.api("GET", `/agents/${uid}`)).body as AgentView;
}

Deno.test("the proof names a key, signed for this certificate, address and challenge", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const challenge = randomToken();
  const { time, signature, sealingKey } = await poller.proof("/v1/opamp", challenge);
  const { body } = await test.api("POST", "/enrolments", {});
  const proofKey = fromBase64Url(decodeBundle((body as { bundle: string }).bundle).proofKey);
  const subject = {
    authority: test.platform.authority,
    challenge,
    clientFingerprint: readCertificate(agent.certificate).fingerprint,
    time,
    sealingKey,
  };
  assert(await verifyProof(proofKey, subject, signature));
  const other = (await poller.proof()).sealingKey!.replace(/.$/, (last) => last === "A" ? "E" : "A");
  assertEquals(await verifyProof(proofKey, { ...subject, sealingKey: other }, signature), false);
  // Nor can the key be left out, so that it would pass for the proof of a WebSocket.
  assertEquals(await verifyProof(proofKey, { ...subject, sealingKey: undefined }, signature), false);
});

Deno.test("an agent that polls is online, gets its processes, and its records are stored once", async () => {
  await using test = await testPlatform({ heartbeatSeconds: 7 });
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  const first = await poller.sealed(proof, toServer(agent.uid, 0, description));
  assertEquals(first.message.connectionSettings?.opamp?.heartbeatIntervalSeconds, 7n);
  const { state, transport, attributes } = await agentView(test, agent.uid);
  assertEquals([state, transport, attributes["os.type"]], ["online", "polling", "linux"]);

  const batch = { stream: crypto.randomUUID(), through: 1, records: [{ seq: 1, record: RUN_STARTED }] };
  for (const sequence of [1, 2]) { // the second as if the first answer had been lost
    const customMessage = jsonMessage(CUSTOM.tracking, "batch", batch);
    const { message } = await poller.sealed(proof, toServer(agent.uid, sequence, { customMessage }));
    assertEquals(readJsonMessage(message.customMessage!, ackSchema).through, 1);
  }
  const { body } = await test.api("GET", "/summary");
  assertEquals((body as { records: number }).records, 1);

  // What is published between two polls waits for the next, and only the newest of it.
  for (const version of [1, 2]) {
    const definition = `process: copy\nversion: "${version}"\n`;
    await test.api("PUT", "/processes/copy", { definition });
  }
  const { message, more } = await poller.sealed(proof, toServer(agent.uid, 3));
  const offered = message.remoteConfig!.config!.configMap["copy"]!.body;
  assertStringIncludes(new TextDecoder().decode(offered), `version: "2"`);
  assertEquals(more, false);
});

Deno.test("an identity is what the certificate says, on every polled message too", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  const other = uuidv7(systemClock);
  const { message, closed } = await poller.sealed(proof, toServer(other, 1));
  assertStringIncludes(message.errorResponse!.errorMessage, other);
  assertEquals(closed, CLOSE.badRequest);
  assertEquals((await agentView(test, agent.uid)).reason, "protocol error");
});

Deno.test("a sealed message is worth nothing under another agent's certificate, at another path or unsealed", async () => {
  await using test = await testPlatform();
  const [one, two] = [await enrolledAgent(test, "one"), await enrolledAgent(test, "two")];
  using first = new TestPoller(test, one);
  using second = new TestPoller(test, two);
  const proof = await first.proof();
  // The same words, sealed for the certificate of the first, and sent by the second.
  const posted: Uint8Array<ArrayBuffer>[] = [];
  const post = first.post.bind(first);
  first.post = (body, headers, path) => {
    posted.push(body);
    return post(body, headers, path);
  };
  await first.sealed(proof, toServer(one.uid, 0, description));
  const stolen = posted.at(-1)!;
  assertEquals(
    (await (await second.post(stolen, { "content-type": SEALED_TYPE })).json()).error.code,
    "internal",
  );
  assertEquals((await first.post(stolen, { "content-type": SEALED_TYPE }, "/v1/enroll")).status, 409);
  assertEquals((await first.post(stolen, { "content-type": PLAIN_TYPE })).status, 400);
  assertEquals((await first.post(stolen, { "content-type": PLAIN_TYPE }, "/v1/enroll")).status, 415);
  assertEquals((await agentView(test, two.uid)).state, "offline");
});

Deno.test("after a restart of the platform an agent that polls has to ask for a new proof", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  await test.restart();
  using again = new TestPoller(test, agent);
  await assertRejects(() => again.sealed(proof, toServer(agent.uid, 1)), Error, "409");
  await again.sealed(await again.proof(), toServer(agent.uid, 0, description));
  assertEquals((await agentView(test, agent.uid)).state, "online");
});

Deno.test("a refusal reaches an agent that polls with its next message, and the one after is refused too", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  for (let sequence = 1; sequence <= 2; sequence++) {
    const { message, closed } = await poller.sealed(proof, toServer(agent.uid, sequence));
    assertStringIncludes(message.errorResponse!.errorMessage, "revoked");
    assertEquals(closed, CLOSE.revoked);
  }
});

Deno.test("of two that poll with one identity the older hears that another took over", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 0, description));
  await connection.next();
  assertEquals((await agentView(test, agent.uid)).transport, "websocket");
  assertEquals((await poller.sealed(proof, toServer(agent.uid, 1))).closed, CLOSE.superseded);
  assertEquals((await agentView(test, agent.uid)).transport, "websocket");
});

Deno.test("an agent that stops polling is overdue, then gone, and comes back by polling", async () => {
  const clock = new TestClock(systemClock.now());
  await using test = await testPlatform({ clock, heartbeatSeconds: 30 });
  const agent = await enrolledAgent(test, "agent one", clock);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  await clock.advance(38_000);
  assertEquals((await agentView(test, agent.uid)).state, "suspect");
  await clock.advance(38_000);
  assertEquals((await agentView(test, agent.uid)).reason, "heartbeats missing");
  const { message } = await poller.sealed(proof, toServer(agent.uid, 1));
  assertEquals(message.flags, 1n, "its session is a new one, so the whole state is asked for");
  assertEquals((await agentView(test, agent.uid)).state, "online");
});

Deno.test("a goodbye over HTTP is one", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const proof = await poller.proof();
  await poller.sealed(proof, toServer(agent.uid, 0, description));
  assertEquals(
    (await poller.sealed(proof, toServer(agent.uid, 1, { agentDisconnect: {} }))).closed,
    CLOSE.normal,
  );
  assertEquals((await agentView(test, agent.uid)).reason, "stopped");
});

Deno.test("an enrolment over HTTP is sealed", async () => {
  await using test = await testPlatform();
  const { body } = await test.api("POST", "/enrolments", {});
  const { bundle } = body as { bundle: string };
  const keys = await generateKeyPair();
  const key = await privateKeyToPem(keys.privateKey);
  const certificate = await createProvisionalCertificate(keys, systemClock.now());
  using poller = new TestPoller(test, { certificate, key });
  const request = await enrolmentRequest(bundle, keys);
  const unsealed = await poller.post(encode(request), { "content-type": PLAIN_TYPE }, "/v1/enroll");
  assertEquals([unsealed.status, (await unsealed.json()).error.message.includes(SEALED_TYPE)], [415, true]);

  const { message } = await poller.sealed(await poller.proof("/v1/enroll"), request, "/v1/enroll");
  const answer = readJsonMessage(message.customMessage!, enrolmentCertificateSchema);
  assertEquals(readCertificate(answer.certificate).instanceUid, answer.instanceUid);
});

Deno.test("a plain OpAMP agent polls without proof and seal; gzip is taken", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  assertEquals((await poller.plain(toServer(agent.uid, 1, description))).message.flags, 0n);
  const zipped = new Uint8Array(gzipSync(encode(toServer(agent.uid, 2))));
  const response = await poller.post(zipped, { "content-type": PLAIN_TYPE, "content-encoding": "gzip" });
  await response.body?.cancel();
  assertEquals([response.status, (await agentView(test, agent.uid)).state], [200, "online"]);
  const refused = await poller.plain(toServer(uuidv7(systemClock), 3));
  assertEquals([refused.status, refused.message.errorResponse !== undefined], [400, true]);
});

Deno.test("what is no message is refused with a status and words, and the platform goes on", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  using poller = new TestPoller(test, agent);
  const big = new Uint8Array(MAX_MESSAGE_BYTES + 1);
  const bomb = new Uint8Array(gzipSync(new Uint8Array(64 * MAX_MESSAGE_BYTES)));
  const gzip = { "content-type": PLAIN_TYPE, "content-encoding": "gzip" };
  const cases: [Uint8Array<ArrayBuffer>, Record<string, string>, number][] = [
    [new Uint8Array(0), {}, 415],
    [new Uint8Array(10), { "content-type": "application/json" }, 415],
    [big, { "content-type": PLAIN_TYPE }, 413],
    [bomb, gzip, 413],
    [new Uint8Array(10), gzip, 400],
    [new Uint8Array(10), { "content-type": PLAIN_TYPE, "content-encoding": "br" }, 415],
    [new Uint8Array(10), { "content-type": SEALED_TYPE }, 409],
    [new Uint8Array(10).fill(255), { "content-type": PLAIN_TYPE }, 400],
    [new Uint8Array(0), { "sallyport-challenge": "short" }, 400],
  ];
  for (const [body, headers, status] of cases) {
    const response = await poller.post(body, headers);
    await response.body?.cancel();
    assertEquals([response.status, headers], [status, headers]);
  }
  const nobody = await fetch(`${test.platform.url}/v1/opamp`, { method: "POST", client: test.client });
  assertEquals([nobody.status, (await nobody.json()).error.message.includes("no client certificate")], [
    401,
    true,
  ]);
  assertEquals((await poller.plain(toServer(agent.uid, 1, description))).status, 200);
});
