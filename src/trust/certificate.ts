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

function oneLine(name: string | undefined): string {
  return (name ?? "").trim().replaceAll("\n", ", ");
}
