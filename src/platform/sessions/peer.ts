import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { sha256Hex } from "../../base/digest.ts";

/** The client certificate of a TLS connection; the handshake showed that the peer holds its key. */
export interface Peer {
  der: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
}

/** The peer's certificate, or undefined when it showed none. */
export function peerOf(request: IncomingMessage): Peer | undefined {
  const raw = (request.socket as TLSSocket).getPeerCertificate(true)?.raw;
  if (!raw || raw.length === 0) return undefined;
  const der = new Uint8Array(raw);
  return { der, fingerprint: sha256Hex(der) };
}
