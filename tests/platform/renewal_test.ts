import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { fromUtf8, utf8 } from "../../src/base/encoding.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { SERVER_CAPABILITY } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { createRequest } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, keyPairFromPem, privateKeyToPem } from "../../src/trust/keys.ts";
import * as x509 from "../../src/trust/x509.ts";
import type { TestConnection, TestIdentity } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const description = { agentDescription: describe({ "service.version": "1.2.3" }, {}) };

/** Introduces an agent, asks for a certificate, and gives what the platform says to that. */
async function ask(connection: TestConnection, uid: string, csr: string, sequence = 1) {
  if (sequence === 1) {
    await connection.send(toServer(uid, sequence, description));
    await connection.next();
  }
  const connectionSettingsRequest = { opamp: { certificateRequest: { csr: utf8(csr) } } };
  await connection.send(toServer(uid, sequence + 1, { connectionSettingsRequest }));
  const first = await connection.next();
  if (!first.errorResponse) await connection.next(); // the answer to the message itself
  return first;
}

const certificateOf = (answer: Awaited<ReturnType<typeof ask>>) =>
  fromUtf8(answer.connectionSettings!.opamp!.certificate!.cert as Uint8Array<ArrayBuffer>);

/** How a session of this identity goes: "served", or the code and the words of its end. */
async function visit(test: Awaited<ReturnType<typeof testPlatform>>, identity: TestIdentity) {
  await using connection = opampConnection(test, identity);
  await connection.opened();
  await connection.send(toServer(identity.uid, 1, description)).catch(() => {});
  const { errorResponse } = await connection.next();
  if (!errorResponse) return "served";
  return `${(await connection.ended).code} ${errorResponse.errorMessage}`;
}

Deno.test("a certificate request over a session gets a certificate and nothing that an agent must refuse", async () => {
  await using test = await testPlatform({ certificateLifeMs: 3_600_000 });
  const agent = await enrolledAgent(test);
  const keys = await generateKeyPair();
  await using connection = opampConnection(test, agent);
  const answer = await ask(connection, agent.uid, await createRequest(keys));
  assert(answer.capabilities & SERVER_CAPABILITY.acceptsConnectionSettingsRequest);
  const { hash, opamp } = answer.connectionSettings!;
  assertEquals(hash.length, 32);
  assertEquals([opamp?.certificate?.privateKey.length, opamp?.certificate?.caCert.length], [0, 0]);
  assertEquals([opamp?.destinationEndpoint, opamp?.headers], ["", undefined]);
  const facts = readCertificate(certificateOf(answer));
  assertEquals([facts.instanceUid, facts.isCa], [agent.uid, false]);
  assert(facts.notAfter - facts.notBefore <= 3_600_000 * 1.1 + 1_000);
});

Deno.test("the old certificate is good until the new one was used, and then it is refused in words", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const keys = await generateKeyPair();
  const csr = await createRequest(keys);
  let certificate: string;
  {
    await using connection = opampConnection(test, agent);
    certificate = certificateOf(await ask(connection, agent.uid, csr));
  }
  assertEquals(await visit(test, agent), "served");
  await test.restart();
  const renewed = { ...agent, certificate, key: await privateKeyToPem(keys.privateKey) };
  assertEquals(await visit(test, renewed), "served");
  assertMatch(await visit(test, agent), new RegExp(`^${CLOSE.retired} .*retired.*newer one`));
  assertEquals(await visit(test, renewed), "served");
});

Deno.test("the same request gets the same certificate again, also from a platform that was restarted", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const csr = await createRequest(await generateKeyPair());
  const given: string[] = [];
  for (let i = 0; i < 2; i++) {
    await using connection = opampConnection(test, agent);
    given.push(certificateOf(await ask(connection, agent.uid, csr)));
    await test.restart();
  }
  assertEquals(given[0], given[1]);
});

Deno.test("two renewals at once: whichever certificate is used later, the agent has one that is good", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const renewed: TestIdentity[] = [];
  await using connection = opampConnection(test, agent);
  for (const [i, keys] of [await generateKeyPair(), await generateKeyPair()].entries()) {
    const answer = await ask(connection, agent.uid, await createRequest(keys), 1 + i);
    const key = await privateKeyToPem(keys.privateKey);
    renewed.push({ ...agent, key, certificate: certificateOf(answer) });
  }
  assertNotEquals(renewed[0]!.certificate, renewed[1]!.certificate);
  assertEquals(await visit(test, renewed[0]!), "served");
  assertEquals(await visit(test, renewed[1]!), "served");
  assertMatch(await visit(test, renewed[0]!), /retired/);
});

Deno.test("a request for the key in use is served as well", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  const csr = await createRequest(await keyPairFromPem(agent.key));
  const certificate = certificateOf(await ask(connection, agent.uid, csr));
  assertEquals(
    readCertificate(certificate).publicKeyFingerprint,
    readCertificate(agent.certificate).publicKeyFingerprint,
  );
});

Deno.test("a request that is none, is badly signed or names another agent is refused, and the session goes on", async () => {
  await using test = await testPlatform();
  const [agent, other] = [await enrolledAgent(test), await enrolledAgent(test, "other")];
  const keys = await generateKeyPair();
  const foreign = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${other.uid}`,
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  const forged = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=x",
    keys: { publicKey: keys.publicKey, privateKey: (await generateKeyPair()).privateKey },
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  await using connection = opampConnection(test, agent);
  const requests = { "not one": "nonsense", [other.uid]: foreign.toString("pem") };
  let sequence = 1;
  for (
    const [words, csr] of Object.entries({ ...requests, "not signed by its own key": forged.toString("pem") })
  ) {
    const { errorResponse } = await ask(connection, agent.uid, csr, sequence++);
    assert(errorResponse?.errorMessage.includes(words), `${words}: ${errorResponse?.errorMessage}`);
    assertEquals((await connection.next()).errorResponse, undefined);
  }
  assertMatch(
    (await ask(connection, agent.uid, "x".repeat(9_000), sequence)).errorResponse!.errorMessage,
    /8192/,
  );
});
