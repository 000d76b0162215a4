import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { sha256Hex } from "../../base/digest.ts";

/** The client certificate of a TLS connection; the handshake showed that the peer holds its key. */
export interface Peer {
  der: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
  /** The IP address at the other end of the TCP connection. */
  address: string;
}

/** The peer's certificate, or undefined when it showed none. */
export function peerOf(request: IncomingMessage): Peer | undefined {
  const raw = (request.socket as TLSSocket).getPeerCertificate(true)?.raw;
  if (!raw || raw.length === 0) return undefined;
  const der = new Uint8Array(raw);
  return { der, fingerprint: sha256Hex(der), address: addressOf(request) };
}

/** The IP address of whoever connected; one of IPv4 in its usual form also on a socket for both. */
function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? "unknown").replace(/^::ffff:/, "");
}

/** SHA-256 of the SubjectPublicKeyInfo in a certificate, lower-case hex. */
export function publicKeyDigest(der: Uint8Array<ArrayBuffer>): string {
  const key = new X509Certificate(der as never).publicKey;
  return sha256Hex(new Uint8Array(key.export({ type: "spki", format: "der" })));
}

/** Whether `authorityPem` signed this certificate. */
export function isIssuedBy(der: Uint8Array<ArrayBuffer>, authorityPem: string): boolean {
  try {
    return new X509Certificate(der as never).verify(new X509Certificate(authorityPem).publicKey);
  } catch {
    return false; // a kind of key that the CA's signature cannot be of
  }
}
