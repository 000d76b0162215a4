import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Extension } from "@peculiar/x509";
import { systemClock } from "../../src/base/clock.ts";
import { randomToken, uuidv7 } from "../../src/base/ids.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { loadIdentity } from "../../src/platform/ca/identity.ts";
import { DATABASE_FILE } from "../../src/platform/store/sqlite.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import type { Authority } from "../../src/trust/certificate_authority.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, KEY_ALGORITHM, privateKeyToPem } from "../../src/trust/keys.ts";
import type { TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform } from "./support.ts";

const DAY = 24 * 3_600_000;
const validity = (from = -1, to = 1) => ({
  notBefore: systemClock.now() + from * DAY,
  notAfter: systemClock.now() + to * DAY,
});

/** Whether `openssl s_client` comes through a handshake, and what it says. */
async function handshake(authority: string, version: string, files: string[]) {
  const { success, stderr } = await new Deno.Command("openssl", {
    // Level 0 lets openssl itself try the old versions, so that it is the platform who refuses them.
    args: ["s_client", version, "-cipher", "DEFAULT@SECLEVEL=0", "-connect", authority, ...files],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { success, words: new TextDecoder().decode(stderr) };
}

/** Writes a certificate into the platform's store as one of an agent's, as if it had issued it itself. */
function plant(test: TestPlatform, uid: string, pem: string): void {
  const db = openDatabase(`${test.dataDir}/${DATABASE_FILE}`);
  const { fingerprint, notBefore, notAfter } = readCertificate(pem);
  db.prepare(
    "INSERT INTO certificates (fingerprint, agent, pem, not_before, not_after, issued_at) VALUES (?, ?, ?, ?, ?, ?)",
  ).run(fingerprint, uid, pem, notBefore, notAfter, systemClock.now());
  db.close();
}

async function authorityOf(test: TestPlatform): Promise<Authority> {
  return (await loadIdentity(test.dataDir, DATABASE_FILE, systemClock)).authority;
}

/** A certificate of an authority with these extensions and no others. */
async function certificateWith(
  { key, certificate }: Authority,
  keys: CryptoKeyPair,
  subject: string,
  extensions: (x509: typeof import("../../src/trust/x509.ts")) => Extension[],
): Promise<string> {
  const x509 = await import("../../src/trust/x509.ts");
  const made = await x509.X509CertificateGenerator.create({
    subject: `CN=${subject}`,
    issuer: new x509.X509Certificate(certificate).subject,
    publicKey: keys.publicKey,
    signingKey: key,
    notBefore: new Date(validity().notBefore),
    notAfter: new Date(validity().notAfter),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: extensions(x509),
  });
  return made.toString("pem");
}

/** How the platform refuses a client certificate: in words, behind its proof, with a close code. */
async function refusal(test: TestPlatform, certificate: string, keys: CryptoKeyPair) {
  const key = await privateKeyToPem(keys.privateKey);
  const headers = { "sallyport-challenge": randomToken() };
  await using connection = opampConnection(test, { certificate, key }, headers);
  assertEquals((await connection.next()).customMessage?.type, "proof");
  const words = (await connection.next()).errorResponse!.errorMessage;
  return { words, code: (await connection.ended).code };
}

Deno.test("TLS 1.0 and 1.1 are refused, with a good client certificate too", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const [cert, key] = [`${test.dataDir}/agent.pem`, `${test.dataDir}/agent-key.pem`];
  await Deno.writeTextFile(cert, agent.certificate);
  await Deno.writeTextFile(key, agent.key);
  const files = ["-cert", cert, "-key", key];
  for (const version of ["-tls1", "-tls1_1"]) {
    const { success, words } = await handshake(test.platform.authority, version, files);
    assertEquals(success, false, version);
    assertStringIncludes(words, "SSL alert number"); // so it was the platform, not openssl by itself
  }
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const { success, words } = await handshake(test.platform.authority, version, files);
    assertEquals(success, true, words);
  }
});

Deno.test("a certificate of another authority is refused, also in the name of an agent of ours", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const [caKeys, keys] = [await generateKeyPair(), await generateKeyPair()];
  const { subject } = readCertificate(test.platform.ca);
  const name = subject.replace(/^CN=/, "");
  const foreign = { certificate: await createAuthority(name, caKeys, validity()), key: caKeys.privateKey };
  const certificate = await issueAgentCertificate(foreign, keys.publicKey, agent.uid, validity());
  const { code, words } = await refusal(test, certificate, keys);
  assertEquals(code, CLOSE.unknownIdentity);
  assertStringIncludes(words, "does not know the client certificate");

  // Not even when it stands in the store: the signature counts.
  plant(test, agent.uid, certificate);
  assertEquals((await refusal(test, certificate, keys)).code, CLOSE.unknownIdentity);
});

Deno.test("a certificate of ours that the platform has no record of is refused", async () => {
  await using test = await testPlatform();
  const keys = await generateKeyPair();
  const authority = await authorityOf(test);
  const certificate = await issueAgentCertificate(authority, keys.publicKey, uuidv7(systemClock), validity());
  assertEquals((await refusal(test, certificate, keys)).code, CLOSE.unknownIdentity);
});

Deno.test("an expired certificate, and one that is not valid yet, are refused with the times", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const authority = await authorityOf(test);
  const cases = [[-9, -2, "expired at", CLOSE.recoverable], [2, 9, "is valid from", CLOSE.expired]] as const;
  for (const [from, to, words, code] of cases) {
    const keys = await generateKeyPair();
    const certificate = await issueAgentCertificate(authority, keys.publicKey, agent.uid, validity(from, to));
    plant(test, agent.uid, certificate);
    const refused = await refusal(test, certificate, keys);
    assertEquals(refused.code, code);
    assertStringIncludes(refused.words, words);
    assertStringIncludes(refused.words, "clock says");
  }
});

Deno.test("a certificate of ours without the usage of a client is refused, recorded or not", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const authority = await authorityOf(test);
  const cases: ((x509: typeof import("../../src/trust/x509.ts")) => Extension[])[] = [
    () => [],
    (x509) => [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])],
  ];
  for (const extensions of cases) {
    const keys = await generateKeyPair();
    const certificate = await certificateWith(authority, keys, agent.uid, extensions);
    plant(test, agent.uid, certificate);
    assertEquals((await refusal(test, certificate, keys)).code, CLOSE.unknownIdentity);
  }
  // The same with the usage is let in: it is the usage that was missing.
  const keys = await generateKeyPair();
  const certificate = await certificateWith(authority, keys, agent.uid, (x509) => [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
  plant(test, agent.uid, certificate);
  await using connection = opampConnection(test, {
    certificate,
    key: await privateKeyToPem(keys.privateKey),
  }, { "sallyport-challenge": randomToken() });
  await connection.next();
  assertEquals((await connection.close()).code, 1000);
});

Deno.test("the authority's own certificate is no agent's, nor is one of an authority below it", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const authority = await authorityOf(test);
  const { publicKey } = await generateKeyPair();
  const own = { privateKey: authority.key, publicKey };
  assertEquals((await refusal(test, authority.certificate, own)).code, CLOSE.unknownIdentity);

  // What a thief of a sub-authority would try: its certificate says that it is one, and signs another.
  const keys = await generateKeyPair();
  const below = await certificateWith(authority, keys, agent.uid, (x509) => [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
  ]);
  plant(test, agent.uid, below);
  assertEquals((await refusal(test, below, keys)).code, CLOSE.unknownIdentity);
  const leafKeys = await generateKeyPair();
  const leaf = await issueAgentCertificate(
    { certificate: below, key: keys.privateKey },
    leafKeys.publicKey,
    agent.uid,
    validity(),
  );
  plant(test, agent.uid, leaf);
  assertEquals((await refusal(test, leaf, leafKeys)).code, CLOSE.unknownIdentity);
});
