import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromUtf8, utf8 } from "../../src/base/encoding.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { renewSchema } from "../../src/protocol/certificate.ts";
import type { ServerToAgent } from "../../src/protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../../src/protocol/messages.ts";
import { createRequest } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, keyPairFromPem, privateKeyToPem } from "../../src/trust/keys.ts";
import { EventReader } from "./stream.ts";
import type { TestConnection, TestIdentity, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const introduction = (...capabilities: string[]) => ({
  agentDescription: describe({ "service.version": "1" }, {}),
  customCapabilities: { capabilities },
});

interface Rotation {
  state: string;
  requestedAt: string;
  requestedBy: string;
  doneAt?: string;
}

const rotate = async (test: TestPlatform, { uid }: TestIdentity) =>
  (await test.api("POST", `/agents/${uid}/rotate-key`)).body as Rotation;
const shown = async (test: TestPlatform, { uid }: TestIdentity) =>
  ((await test.api("GET", `/agents/${uid}`)).body as { keyRotation?: Rotation }).keyRotation;

/** A session that is introduced; `next` is what the platform says after its first answer. */
async function session(
  test: TestPlatform,
  agent: TestIdentity,
  capability: string = CUSTOM.certificate,
): Promise<TestConnection> {
  const connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, introduction(capability)));
  await connection.next();
  return connection;
}

const requestIn = ({ customMessage }: ServerToAgent) =>
  customMessage?.capability === CUSTOM.certificate && readJsonMessage(customMessage, renewSchema).requestedAt;

/** Asks for the next certificate as an agent does, for these keys, and gives the identity that it makes. */
async function renewed(
  connection: TestConnection,
  agent: TestIdentity,
  keys: CryptoKeyPair,
): Promise<TestIdentity> {
  const csr = utf8(await createRequest(keys));
  await connection.send(
    toServer(agent.uid, 2, { connectionSettingsRequest: { opamp: { certificateRequest: { csr } } } }),
  );
  const { connectionSettings } = await connection.next();
  const cert = connectionSettings!.opamp!.certificate!.cert as Uint8Array<ArrayBuffer>;
  return { ...agent, certificate: fromUtf8(cert), key: await privateKeyToPem(keys.privateKey) };
}

/** Whether a session hears of a request at its beginning: a heartbeat behind it shows that nothing else comes. */
async function isAsked(connection: TestConnection, { uid }: TestIdentity): Promise<boolean> {
  await connection.send(toServer(uid, 2));
  return requestIn(await connection.next()) !== false;
}

Deno.test("a request for a new key reaches a connected agent at once, and is done when the key was used", async () => {
  await using test = await testPlatform();
  await using reader = await EventReader.open(test);
  const agent = await enrolledAgent(test, "till 7");
  assertEquals(await shown(test, agent), undefined);
  await using connection = await session(test, agent);
  const rotation = await rotate(test, agent);
  assertEquals([rotation.state, rotation.requestedBy, rotation.doneAt], [
    "requested",
    "first token",
    undefined,
  ]);
  assertEquals(requestIn(await connection.next()), rotation.requestedAt);

  const next = await renewed(connection, agent, await generateKeyPair());
  assertEquals(await shown(test, agent), rotation);
  await using _after = await session(test, next);
  const done = await shown(test, agent);
  assertEquals([done?.state, done?.requestedAt], ["done", rotation.requestedAt]);
  assert(done!.doneAt! >= rotation.requestedAt);

  const told: (string | undefined)[] = [];
  while (told.length < 2) told.push((await reader.until(({ type }) => type === "key-rotation")).data.state);
  assertEquals(told, ["requested", "done"]);
  const { body } = await test.api("GET", "/audit");
  const [entry] = (body as { entries: { action: string; subject: string }[] }).entries;
  assertEquals([entry?.action, entry?.subject], ["agent.rotate-key", agent.uid]);
});

Deno.test("a request outlives restarts, is told in every session until it is done, and asked again changes nothing", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const rotation = await rotate(test, agent); // while nobody is connected
  await test.restart();
  assertEquals(await rotate(test, agent), rotation);
  for (let i = 0; i < 2; i++) {
    await using connection = await session(test, agent);
    assertEquals(requestIn(await connection.next()), rotation.requestedAt);
  }
  const { body } = await test.api("GET", "/audit");
  const asked = (body as { entries: { action: string }[] }).entries.filter(({ action }) =>
    action === "agent.rotate-key"
  );
  assertEquals(asked.length, 1);

  let next: TestIdentity;
  {
    await using connection = await session(test, agent);
    await connection.next();
    next = await renewed(connection, agent, await generateKeyPair());
  }
  for (let i = 0; i < 2; i++) {
    await using connection = await session(test, next);
    assertEquals(await isAsked(connection, next), false);
  }
  // And when it is done, another one is a new one.
  assertEquals((await rotate(test, agent)).state, "requested");
  await using connection = await session(test, next);
  assertEquals(await isAsked(connection, next), true);
});

Deno.test("a certificate of before the request, or for the same key, does not fulfil it", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  let before: TestIdentity;
  {
    await using connection = await session(test, agent);
    before = await renewed(connection, agent, await generateKeyPair());
  }
  await rotate(test, agent); // while a renewal is under way
  let same: TestIdentity;
  {
    await using connection = await session(test, before);
    assertEquals((await shown(test, agent))?.state, "requested");
    await connection.next();
    same = await renewed(connection, before, await keyPairFromPem(before.key));
  }
  await using connection = await session(test, same);
  assertEquals((await shown(test, agent))?.state, "requested");
  await connection.next();
  const next = await renewed(connection, same, await generateKeyPair());
  await using _after = await session(test, next);
  assertEquals((await shown(test, agent))?.state, "done");
});

Deno.test("an agent that has not declared the capability is not asked, and a revoked one cannot be", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = await session(test, agent, CUSTOM.tracking);
  await rotate(test, agent);
  assertEquals(await isAsked(connection, agent), false);

  await test.api("POST", `/agents/${agent.uid}/revoke`);
  const { status, body } = await test.api("POST", `/agents/${agent.uid}/rotate-key`);
  assertEquals(status, 400);
  assertMatch((body as { error: { message: string } }).error.message, /revoked/);
  const nobody = await test.api("POST", "/agents/01890a5d-ac96-774b-bcce-b302099a8057/rotate-key");
  assertEquals(nobody.status, 404);
});
