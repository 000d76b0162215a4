import { assertEquals } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, KEY_ALGORITHM, privateKeyToPem } from "../../src/trust/keys.ts";
import { isIssuedBy, signWith, verifySignature } from "../../src/trust/signature.ts";

const UID = "01890a5d-ac96-774b-bcce-b302099a8057";
const VALIDITY = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2021, 0, 1) };

const [caKeys, keys] = [await generateKeyPair(), await generateKeyPair()];
const ca = await createAuthority("a CA", caKeys, VALIDITY);
const certificate = await issueAgentCertificate(
  { certificate: ca, key: caKeys.privateKey },
  keys.publicKey,
  UID,
  VALIDITY,
);

Deno.test("what the key of a certificate signed is told from everything else", async () => {
  const data = utf8("data");
  const signature = signWith(await privateKeyToPem(keys.privateKey), data);
  assertEquals(verifySignature(certificate, data, signature), true);
  assertEquals(verifySignature(ca, data, signature), false);
  assertEquals(verifySignature(certificate, utf8("date"), signature), false);
  const raw = new Uint8Array(await crypto.subtle.sign(KEY_ALGORITHM, keys.privateKey, data));
  for (const damaged of [new Uint8Array(), signature.subarray(1), raw, new Uint8Array(72)]) {
    assertEquals(verifySignature(certificate, data, damaged), false);
  }
});

Deno.test("a certificate is issued by the CA whose key signed it, also after its end, and by nobody else", async () => {
  assertEquals(isIssuedBy(certificate, ca), true);
  const namesake = await createAuthority("a CA", await generateKeyPair(), VALIDITY);
  assertEquals(isIssuedBy(certificate, namesake), false);
  // An agent's own certificate makes no others.
  const pretender = { certificate, key: keys.privateKey };
  const forged = await issueAgentCertificate(pretender, caKeys.publicKey, UID, VALIDITY);
  assertEquals([isIssuedBy(forged, certificate), isIssuedBy(forged, ca)], [false, false]);
});
