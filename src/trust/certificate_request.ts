/** The agent's side of certificates: its key never leaves it, only requests do. */
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
  const { X509CertificateGenerator } = await import("./x509.ts");
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=sallyport agent, not yet enrolled",
    keys,
    notBefore: new Date(now - 24 * 3_600_000),
    notAfter: new Date(now + 24 * 3_600_000),
    signingAlgorithm: KEY_ALGORITHM,
  });
  return certificate.toString("pem");
}
