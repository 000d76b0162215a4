import { X509Certificate } from "node:crypto";
import { sha256Hex } from "../base/digest.ts";
import { fromPem } from "./keys.ts";

/** What we need to know of a certificate; read with the runtime's own parser, which costs no start-up time. */
export interface CertificateFacts {
  /** SHA-256 of the DER, lower-case hex: the name by which the platform knows an agent. */
  fingerprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex: the same for every certificate of one key. */
  publicKeyFingerprint: string;
  subject: string;
  issuer: string;
  serial: string;
  /** Milliseconds since 1970 UTC. */
  notBefore: number;
  notAfter: number;
  /** The agent's identity, from the URI `urn:uuid:…` of its subject alternative name, if it has one. */
  instanceUid: string | undefined;
  isCa: boolean;
}

/** Reads a certificate from PEM or DER. Throws when it is neither. */
export function readCertificate(certificate: string | Uint8Array<ArrayBuffer>): CertificateFacts {
  const der = typeof certificate === "string" ? fromPem("CERTIFICATE", certificate) : certificate;
  const parsed = new X509Certificate(der as never);
  return {
    fingerprint: sha256Hex(der),
    publicKeyFingerprint: sha256Hex(
      new Uint8Array(parsed.publicKey.export({ type: "spki", format: "der" }) as Uint8Array),
    ),
    subject: oneLine(parsed.subject),
    issuer: oneLine(parsed.issuer),
    serial: parsed.serialNumber.toLowerCase(),
    notBefore: Date.parse(parsed.validFrom),
    notAfter: Date.parse(parsed.validTo),
    instanceUid: parsed.subjectAltName?.match(/URI:urn:uuid:([0-9a-f-]{36})/)?.[1],
    isCa: parsed.ca,
  };
}

/** Whether the key of one certificate signed the other; names alone anybody can write. */
export function isSignedBy(
  certificate: string | Uint8Array<ArrayBuffer>,
  by: string | Uint8Array<ArrayBuffer>,
): boolean {
  try {
    return new X509Certificate(certificate as never).verify(new X509Certificate(by as never).publicKey);
  } catch {
    return false; // a kind of key that the signature cannot be of
  }
}

/** Whether signature upon signature goes from the first of a chain, by way of the next ones, to this CA. */
export function leadsTo(
  chain: readonly Uint8Array<ArrayBuffer>[],
  ca: string | Uint8Array<ArrayBuffer>,
): boolean {
  for (const [i, certificate] of chain.entries()) {
    if (isSignedBy(certificate, ca)) return true;
    const next = chain[i + 1];
    if (!next || !isSignedBy(certificate, next)) return false;
  }
  return false;
}

function oneLine(name: string | undefined): string {
  return (name ?? "").trim().replaceAll("\n", ", ");
}
