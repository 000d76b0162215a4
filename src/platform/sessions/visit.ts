import type { IncomingMessage } from "node:http";
import { CHALLENGE_HEADER, PROBE_HEADER } from "../../protocol/proof.ts";
import type { AgentPath } from "../server.ts";
import type { Peer } from "./peer.ts";
import { peerOf } from "./peer.ts";

/** One knock of an agent, by an upgrade to a WebSocket or by a POST. */
export interface Visit {
  path: AgentPath;
  peer: Peer;
  /** The address that it comes from. */
  from: string;
  /** By which name it calls the platform: the Host header. */
  host: string | undefined;
  /** What the platform is to prove itself with; undefined when it need not. */
  challenge: string | undefined;
  /** Whether it only wants to know whether the platform takes it. */
  isProbe: boolean;
}

/** Why a peer without a certificate cannot come in. */
export const NO_CERTIFICATE =
  "the connection has no client certificate, which is how agents say who they are: enrol the " +
  "agent, and look for a proxy that ends TLS on the way";

/** The visit of a request, or undefined when the peer showed no certificate. */
export function visitOf(path: AgentPath, request: IncomingMessage): Visit | undefined {
  const peer = peerOf(request);
  if (!peer) return undefined;
  const { host, [CHALLENGE_HEADER]: challenge } = request.headers;
  return {
    path,
    peer,
    // On a socket for both, an address of IPv4 has another form.
    from: (request.socket.remoteAddress ?? "unknown").replace(/^::ffff:/, ""),
    host,
    challenge: Array.isArray(challenge) ? challenge.join() : challenge,
    isProbe: request.headers[PROBE_HEADER] !== undefined,
  };
}
