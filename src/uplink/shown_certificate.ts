import { X509Certificate } from "node:crypto";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { splitAuthority } from "../trust/bundle.ts";
import { parseCaFile } from "../trust/ca_file.ts";
import type { CertificateFacts } from "../trust/certificate.ts";
import { readCertificate } from "../trust/certificate.ts";

/** A root shows itself as its own issuer, without end. */
const MAX_CHAIN = 10;

/** Whom this agent is told to trust, whatever else its machine trusts. */
export interface ToldToTrust {
  /** The bundle's CA as PEM, or "public". */
  ca: string;
  /** The operator's further CAs, PEM. */
  operatorCas: readonly string[];
}

/** The certificate that stands at the platform's address. */
export interface ShownCertificate {
  facts: CertificateFacts;
  /** Whose CA signed it, by way of the certificates shown with it; undefined when none of those that are known did. */
  signer: "bundle" | "operator" | undefined;
  /** Whether the agent is told to trust it: signature, name and time. */
  valid: boolean;
  /** Such as "TLSv1.3"; undefined where the runtime does not tell. */
  protocol: string | undefined;
}

/**
 * The certificate that whoever answers directly at the address shows, trusted or not, so that it can be named;
 * undefined when none came in time. It is looked at and the connection closed: nothing is ever sent to a peer that is
 * not trusted. The runtime takes no proxy for this, whatever stands in the environment.
 */
export function shownCertificate(
  authority: string,
  trust: ToldToTrust,
  { clock, limitMs, signal }: { clock: Clock; limitMs: number; signal?: AbortSignal },
): Promise<ShownCertificate | undefined> {
  const { hostname, port } = splitAuthority(authority);
  const { promise, resolve } = Promise.withResolvers<ShownCertificate | undefined>();
  const servername = /^[0-9.]+$/.test(hostname) || hostname.includes(":") ? {} : { servername: hostname };
  const ca = [...trust.ca === "public" ? rootCertificates : [trust.ca], ...trust.operatorCas];
  const socket = connectTls({ host: hostname, port, ...servername, ca, rejectUnauthorized: false }, () => {
    try {
      resolve(read(socket, trust));
    } catch {
      resolve(undefined);
    }
  });
  const giveUp = () => resolve(undefined);
  socket.on("error", giveUp);
  signal?.addEventListener("abort", giveUp, { once: true });
  const cancel = clock.after(limitMs, giveUp);
  return promise.finally(() => {
    cancel();
    signal?.removeEventListener("abort", giveUp);
    socket.destroy();
  });
}

function read(socket: TLSSocket, { ca, operatorCas }: ToldToTrust): ShownCertificate {
  const chain = chainOf(socket.getPeerCertificate(true));
  const isFrom = (pem: string) =>
    parseCaFile(pem, () => true).cas.some((each) => leadsTo(chain, new X509Certificate(each.pem)));
  const facts = readCertificate(chain[0]!);
  return {
    facts,
    signer: ca !== "public" && isFrom(ca) ? "bundle" : operatorCas.some(isFrom) ? "operator" : undefined,
    valid: socket.authorized && !facts.isCa, // `authorized` overlooks that the runtime takes no CA for a server
    protocol: socket.getProtocol?.() ?? undefined,
  };
}

/** What was shown, the server's own first, as DER. */
function chainOf(peer: PeerCertificate & { issuerCertificate?: PeerCertificate }): Uint8Array<ArrayBuffer>[] {
  const chain: Uint8Array<ArrayBuffer>[] = [];
  for (
    let at: typeof peer | undefined = peer;
    at?.raw && chain.length < MAX_CHAIN;
    at = at.issuerCertificate
  ) {
    chain.push(new Uint8Array(at.raw));
  }
  return chain;
}

/** Whether signature upon signature goes from the first of a chain to this CA; names alone anybody can write. */
function leadsTo(chain: readonly Uint8Array<ArrayBuffer>[], ca: X509Certificate): boolean {
  const parsed = chain.map((der) => new X509Certificate(der as never));
  for (const [i, each] of parsed.entries()) {
    if (isSignedBy(each, ca)) return true;
    const next = parsed[i + 1];
    if (!next || !isSignedBy(each, next)) return false;
  }
  return false;
}

function isSignedBy(certificate: X509Certificate, by: X509Certificate): boolean {
  try {
    return certificate.verify(by.publicKey);
  } catch {
    return false; // a kind of key that the signature cannot be of
  }
}
