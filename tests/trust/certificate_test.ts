import { assert, assertEquals, assertRejects } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import {
  checkRequest,
  createAuthority,
  issueAgentCertificate,
  mayAuthenticateClients,
} from "../../src/trust/certificate_authority.ts";
import { createProvisionalCertificate, createRequest } from "../../src/trust/certificate_request.ts";
import { fromPem, generateKeyPair, privateKeyFromPem, privateKeyToPem } from "../../src/trust/keys.ts";

const DAY = 24 * 3_600_000;
const NOW = Date.UTC(2026, 5, 1);
const UID = "01890a5d-ac96-774b-bcce-b302099a8057";

Deno.test("an agent's certificate names its identity, its usage and its validity", async () => {
  const authorityKeys = await generateKeyPair();
  const validity = { notBefore: NOW - DAY, notAfter: NOW + 30 * DAY };
  const certificate = await createAuthority("Test CA", authorityKeys, validity);
  const publicKey = await checkRequest(await createRequest(await generateKeyPair()));
  const authority = { certificate, key: authorityKeys.privateKey };

  const pem = await issueAgentCertificate(authority, publicKey, UID, validity);
  const facts = readCertificate(pem);

  assertEquals(facts.instanceUid, UID);
  assertEquals(await mayAuthenticateClients(fromPem("CERTIFICATE", pem)), true);
  assertEquals(facts.isCa, false);
  assertEquals([facts.notBefore, facts.notAfter], [validity.notBefore, validity.notAfter]);
  assert(facts.issuer.includes("Test CA"));
  assertEquals(readCertificate(certificate).isCa, true);
});

Deno.test("a request that was changed after signing is refused", async () => {
  const pem = await createRequest(await generateKeyPair());
  const other = await createRequest(await generateKeyPair());
  // The body of one request with the signature of another.
  const [a, b] = [pem, other].map((text) =>
    Uint8Array.fromBase64(text.replaceAll(/-----[A-Z ]+-----|\s/g, ""))
  );
  a!.set(b!.subarray(b!.length - 60), a!.length - 60);
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${a!.toBase64()}\n-----END CERTIFICATE REQUEST-----`;
  await assertRejects(() => checkRequest(forged), SallyportError, "certificate request");
  await assertRejects(() => checkRequest("nonsense"), SallyportError, "certificate request");
});

Deno.test("a private key survives its way through PEM", async () => {
  const keys = await generateKeyPair();
  const again = await privateKeyFromPem(await privateKeyToPem(keys.privateKey));
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const data = new Uint8Array([1, 2, 3]);
  assert(
    await crypto.subtle.verify(
      algorithm,
      keys.publicKey,
      await crypto.subtle.sign(algorithm, again, data),
      data,
    ),
  );
});

Deno.test("a provisional certificate carries no identity and no usage", async () => {
  const pem = await createProvisionalCertificate(await generateKeyPair(), NOW);
  const facts = readCertificate(pem);
  assertEquals(facts.instanceUid, undefined);
  assertEquals(await mayAuthenticateClients(fromPem("CERTIFICATE", pem)), false);
});
