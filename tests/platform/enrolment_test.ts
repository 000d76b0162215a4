import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { WebSocket as NodeWebSocket } from "ws";
import { randomToken } from "../../src/base/ids.ts";
import { fromBase64Url, utf8 } from "../../src/base/encoding.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { enrolmentCertificateSchema } from "../../src/protocol/enrolment.ts";
import { ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import { proofSchema } from "../../src/protocol/proof.ts";
import { decodeBundle, encodeBundle } from "../../src/trust/bundle.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { createProvisionalCertificate, createRequest } from "../../src/trust/certificate_request.ts";
import { fromPem, generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { verifyProof } from "../../src/trust/proof.ts";
import { TestClock } from "../support/clock.ts";
import type { TestPlatform } from "./support.ts";
import { enrolmentConnection, enrolmentRequest, TestConnection, testPlatform } from "./support.ts";

async function newBundle(test: TestPlatform, wish: unknown = {}): Promise<string> {
  const { status, body } = await test.api("POST", "/enrolments", wish);
  assertEquals(status, 201);
  return (body as { bundle: string }).bundle;
}

/** Sends a request and gives the reason of its refusal. */
async function refusalOf(
  connection: TestConnection,
  send: (c: TestConnection) => Promise<void>,
): Promise<string> {
  await connection.next();
  await send(connection);
  const { errorResponse } = await connection.next();
  assertEquals((await connection.ended).code, CLOSE.badRequest);
  return errorResponse!.errorMessage;
}

Deno.test("a bundle leads to a certificate, after the platform has proved its key", async () => {
  await using test = await testPlatform();
  const bundle = decodeBundle(await newBundle(test, { name: "till 7" }));
  assertEquals([bundle.platform, bundle.ca], [test.platform.authority, test.platform.ca]);
  const keys = await generateKeyPair();
  const challenge = randomToken();
  const certificate = await createProvisionalCertificate(keys, Date.now());
  await using connection = new TestConnection(`wss://${bundle.platform}/v1/enroll`, {
    ca: bundle.ca,
    cert: certificate,
    key: await privateKeyToPem(keys.privateKey),
    headers: { "sallyport-challenge": challenge },
  });

  const first = (await connection.next()).customMessage!;
  assertEquals([first.capability, first.type], [CUSTOM.proof, "proof"]);
  const { time, signature } = readJsonMessage(first, proofSchema);
  const clientFingerprint = sha256Hex(fromPem("CERTIFICATE", certificate));
  const subject = { authority: bundle.platform, challenge, clientFingerprint, time };
  const proofKey = fromBase64Url(bundle.proofKey);
  assert(await verifyProof(proofKey, subject, signature));
  assert(!await verifyProof(proofKey, { ...subject, challenge: randomToken() }, signature));

  await connection.send(await enrolmentRequest(encodeBundle(bundle), keys));
  const answer = readJsonMessage((await connection.next()).customMessage!, enrolmentCertificateSchema);
  assertEquals(answer.name, "till 7");
  const facts = readCertificate(answer.certificate);
  assertEquals(facts.instanceUid, answer.instanceUid);
  assertEquals(Math.round((facts.notAfter - Date.now()) / 86_400_000), 30);
  const { agents } = (await test.api("GET", "/agents")).body as { agents: Record<string, unknown>[] };
  assertEquals(agents.map(({ name, state, reason }) => [name, state, reason]), [
    ["till 7", "offline", "not connected yet"],
  ]);
});

Deno.test("a lost reply costs nothing, another key gets nothing", async () => {
  await using test = await testPlatform();
  const bundle = await newBundle(test);
  const keys = await generateKeyPair();
  const uids: string[] = [];
  for (let i = 0; i < 2; i++) {
    await using connection = await enrolmentConnection(test, keys);
    await connection.next();
    await connection.send(await enrolmentRequest(bundle, keys));
    const answer = readJsonMessage((await connection.next()).customMessage!, enrolmentCertificateSchema);
    uids.push(answer.instanceUid + answer.certificate);
  }
  assertEquals(uids[0], uids[1]);

  const thief = await generateKeyPair();
  await using connection = await enrolmentConnection(test, thief);
  const why = await refusalOf(connection, async (c) => c.send(await enrolmentRequest(bundle, thief)));
  assertStringIncludes(why, "already used");
  assertStringIncludes(why, "new bundle");
  assertEquals(((await test.api("GET", "/agents")).body as { agents: unknown[] }).agents.length, 1);
});

Deno.test("what cannot enrol is told why", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock });
  const keys = await generateKeyPair();
  const connect = () => enrolmentConnection(test, keys, { clock });

  const bundle = await newBundle(test, { expiresInMinutes: 5 });
  const unknown = encodeBundle({ ...decodeBundle(bundle), secret: randomToken() });
  {
    await using connection = await connect();
    const why = await refusalOf(connection, async (c) => c.send(await enrolmentRequest(unknown, keys)));
    assertStringIncludes(why, "does not know");
  }
  {
    await using connection = await connect();
    const other = await generateKeyPair();
    const why = await refusalOf(connection, async (c) => c.send(await enrolmentRequest(bundle, other)));
    assertStringIncludes(why, "another key");
  }
  {
    await using connection = await connect();
    const request = {
      protocol: 1,
      secret: decodeBundle(bundle).secret,
      csr: await createRequest(keys),
      extra: 1,
    };
    const why = await refusalOf(
      connection,
      (c) => c.send({ customMessage: jsonMessage(CUSTOM.enrolment, "request", request) }),
    );
    assertStringIncludes(why, "name");
  }
  {
    await using connection = await connect();
    const why = await refusalOf(connection, (c) => c.sendRaw(utf8("\x00\xff\xff")));
    assertStringIncludes(why, "not a valid opamp.proto.v1.AgentToServer");
  }
  await clock.advance(6 * 60_000);
  {
    await using connection = await connect();
    const why = await refusalOf(connection, async (c) => c.send(await enrolmentRequest(bundle, keys)));
    assertStringIncludes(why, "expired at");
  }
});

Deno.test("nothing is proved without a challenge", async () => {
  await using test = await testPlatform();
  const keys = await generateKeyPair();
  for (const headers of [{ "sallyport-challenge": "short" }, {}] as Record<string, string>[]) {
    await using connection = await enrolmentConnection(test, keys, { headers });
    const { errorResponse, customMessage } = await connection.next();
    assertEquals(customMessage, undefined);
    assertStringIncludes(errorResponse!.errorMessage, "sallyport-challenge");
    assertEquals((await connection.ended).code, CLOSE.badRequest);
  }
});

Deno.test("nothing is proved under a name that is not the platform's", async () => {
  await using test = await testPlatform();
  const keys = await generateKeyPair();
  for (const host of ["evil.example", "localhost:1"]) {
    // The runtime's own WebSocket does not let anybody choose the Host header, so this peer is another one.
    const socket = new NodeWebSocket(`wss://${test.platform.authority}/v1/enroll`, {
      ca: test.platform.ca,
      cert: await createProvisionalCertificate(keys, Date.now()),
      key: await privateKeyToPem(keys.privateKey),
      headers: { "sallyport-challenge": randomToken(), host },
    });
    const frames: Uint8Array[] = [];
    socket.on("message", (data: Uint8Array) => frames.push(new Uint8Array(data)));
    const code = await new Promise((resolve) => socket.on("close", resolve));
    assertEquals([frames.length, code], [1, CLOSE.badRequest]);
    const { customMessage, errorResponse } = decodeFrame(ServerToAgentSchema, frames[0]!);
    assertEquals(customMessage, undefined);
    assertStringIncludes(errorResponse!.errorMessage, `is not "${host}`);
  }
});
