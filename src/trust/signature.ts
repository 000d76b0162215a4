import { sign, verify, X509Certificate } from "node:crypto";
import { fromPem } from "./keys.ts";

/**
 * Signs with a PKCS#8 PEM key, at once: what is signed and the signature can be stored in one transaction.
 * Takes about a millisecond.
 *
 * @returns ECDSA with SHA-256 in DER, as `openssl dgst -sha256 -verify` takes it
 */
export function signWith(privateKeyPem: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(sign("sha256", data, privateKeyPem));
}

/** Whether the key of a certificate (PEM) made a signature of {@linkcode signWith}. */
export function verifySignature(certificatePem: string, data: Uint8Array, signature: Uint8Array): boolean {
  return verify("sha256", data, x509(certificatePem).publicKey, signature);
}

/** Whether a CA certificate signed another; both PEM. Their dates are not judged. */
export function isIssuedBy(certificatePem: string, authorityPem: string): boolean {
  const [certificate, authority] = [x509(certificatePem), x509(authorityPem)];
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function x509(pem: string): X509Certificate {
  return new X509Certificate(fromPem("CERTIFICATE", pem) as never);
}
