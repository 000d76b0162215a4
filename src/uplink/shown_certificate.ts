import { X509Certificate } from "node:crypto";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { splitAuthority } from "../trust/bundle.ts";
import type { CertificateFacts } from "../trust/certificate.ts";
import { readCertificate } from "../trust/certificate.ts";

/** How long a certificate may take to come. */
const STEP_MS = 10_000;

/** The certificate that stands at the platform's address. */
export interface ShownCertificate {
  facts: CertificateFacts;
  /** Whether the bundle's CA signed it; undefined when the bundle relies on the public roots. */
  fromBundle: boolean | undefined;
  /** Such as "TLSv1.3"; undefined where the runtime does not tell. */
  protocol: string | undefined;
}

/**
 * The certificate that whoever answers at the address shows, trusted or not, so that it can be named; undefined
 * when none came. It is looked at and the connection closed: nothing is ever sent to a peer that is not trusted.
 */
export function shownCertificate(
  authority: string,
  ca: string,
  clock: Clock,
): Promise<ShownCertificate | undefined> {
  const { hostname, port } = splitAuthority(authority);
  const { promise, resolve } = Promise.withResolvers<ShownCertificate | undefined>();
  const servername = /^[0-9.]+$/.test(hostname) || hostname.includes(":") ? {} : { servername: hostname };
  const socket = connectTls({ host: hostname, port, ...servername, rejectUnauthorized: false }, () => {
    try {
      const der = new Uint8Array(socket.getPeerCertificate().raw);
      resolve({
        facts: readCertificate(der),
        fromBundle: ca === "public" ? undefined : isSignedBy(der, ca),
        protocol: socket.getProtocol?.() ?? undefined,
      });
    } catch {
      resolve(undefined);
    }
  });
  socket.on("error", () => resolve(undefined));
  const cancel = clock.after(STEP_MS, () => resolve(undefined));
  return promise.finally(() => {
    cancel();
    socket.destroy();
  });
}

function isSignedBy(der: Uint8Array<ArrayBuffer>, authority: string): boolean {
  try {
    return new X509Certificate(der as never).verify(new X509Certificate(authority).publicKey);
  } catch {
    return false; // a kind of key that the CA's signature cannot be of
  }
}
