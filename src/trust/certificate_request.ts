/** The agent's side of certificates: its key never leaves it, only requests do. */
import { DAY_MS } from "../base/clock.ts";
import { MAX_CLOCK_OFFSET_MS } from "../base/limits.ts";
import { KEY_ALGORITHM } from "./keys.ts";

/** A PKCS#10 request (RFC 2986) as PEM. Subject and usages are the platform's to decide. */
export async function createRequest(keys: CryptoKeyPair): Promise<string> {
  const { Pkcs10CertificateRequestGenerator } = await import("./x509.ts");
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=sallyport agent",
    keys,
    signingAlgorithm: KEY_ALGORITHM,
  });
  return request.toString("pem");
}

/**
 * A self-signed certificate of a key that the platform does not know yet, as PEM: it lets the platform's proof
 * bind to that key during enrolment, and means nothing else.
 */
export async function createProvisionalCertificate(keys: CryptoKeyPair, now: number): Promise<string> {
  return await selfSigned("CN=sallyport agent, not yet enrolled", keys, now, MAX_CLOCK_OFFSET_MS);
}

/**
 * A self-signed certificate under which an agent comes back to a server that issues none, as PEM, for ten years: the
 * server knows it again by its key, if it cares to.
 */
export async function createOwnCertificate(
  keys: CryptoKeyPair,
  instanceUid: string,
  now: number,
): Promise<string> {
  return await selfSigned(`CN=${instanceUid}`, keys, now, 3_650 * DAY_MS);
}

async function selfSigned(name: string, keys: CryptoKeyPair, now: number, lifeMs: number): Promise<string> {
  const { X509CertificateGenerator } = await import("./x509.ts");
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    notBefore: new Date(now - MAX_CLOCK_OFFSET_MS),
    notAfter: new Date(now + lifeMs),
    signingAlgorithm: KEY_ALGORITHM,
  });
  return certificate.toString("pem");
}
