import type { PeerCertificate, TLSSocket } from "node:tls";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { isIpAddress } from "../base/hosts.ts";
import { splitAuthority } from "../trust/bundle.ts";
import { parseCaFile } from "../trust/ca_file.ts";
import type { CertificateFacts } from "../trust/certificate.ts";
import { leadsTo, readCertificate } from "../trust/certificate.ts";

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
  const servername = isIpAddress(hostname) ? {} : { servername: hostname };
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
  if (signal?.aborted) giveUp();
  const cancel = clock.after(limitMs, giveUp);
  return promise.finally(() => {
    cancel();
    signal?.removeEventListener("abort", giveUp);
    socket.destroy();
  });
}

function read(socket: TLSSocket, { ca, operatorCas }: ToldToTrust): ShownCertificate {
  const chain = chainOf(socket.getPeerCertificate(true));
  const isFrom = (ca: string) => parseCaFile(ca, () => true).cas.some(({ pem }) => leadsTo(chain, pem));
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
