import { isIpAddress } from "../../base/hosts.ts";
import * as x509 from "../../trust/x509.ts";

/** For which names a server certificate is good. */
export interface Coverage {
  /** As they stand in it. */
  names: readonly string[];
  /** Whether TLS clients take it for this host name or address, by RFC 9525: the common name does not count. */
  covers(host: string): boolean;
}

/** Reads the subject alternative names of a server certificate, DER. */
export function coverageOf(der: Uint8Array<ArrayBuffer>): Coverage {
  const extension = new x509.X509Certificate(der).getExtension(x509.SubjectAlternativeNameExtension);
  const items = extension?.names.items ?? [];
  const addresses = new Set(items.filter(({ type }) => type === "ip").map(({ value }) => canonical(value)));
  const patterns = items.filter(({ type }) => type === "dns").map(({ value }) => value.toLowerCase());
  return {
    names: [...patterns, ...addresses],
    covers: (host) =>
      addresses.has(canonical(host)) || patterns.some((each) => fits(host.toLowerCase(), each)),
  };
}

/** A star stands for one label, the first, and for nothing else. */
function fits(host: string, pattern: string): boolean {
  if (host === pattern) return !isIpAddress(host);
  return pattern.startsWith("*.") && host.slice(host.indexOf(".")) === pattern.slice(1) && !isIpAddress(host);
}

/** IPv6 addresses have many spellings, and URLs one. */
function canonical(host: string): string {
  return host.includes(":") ? new URL(`https://[${host}]`).hostname.slice(1, -1) : host;
}
