import { SallyportError } from "../../base/errors.ts";
import { splitAuthority } from "../../trust/bundle.ts";

/** The names under which agents reach this platform. */
export interface Names {
  /** Those of `hosts` that the operator gave. */
  hostnames: readonly string[];
  /** Host names and addresses of the server certificate. */
  hosts: readonly string[];
  /** Every `host:port` that counts as this platform, the one for new bundles first. */
  authorities: readonly string[];
}

/** Addresses that mean "every interface" and so cannot be called. */
const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

/**
 * The platform's names, from the address it listens on and those that the operator gave: `NAME`, or
 * `NAME:PORT` when something in front of the platform listens on another port.
 *
 * @throws {SallyportError} `usage` for a name that is none.
 */
export function platformNames(listenHost: string, port: number, hostnames: readonly string[]): Names {
  const given = hostnames.map((name) => parseHostname(name, port));
  const local = [listenHost, "localhost", "127.0.0.1"]
    .filter((host) => !UNSPECIFIED.has(host))
    .map((host) => ({ host, port }));
  const all = [...given, ...local];
  return {
    hostnames: given.map(({ host }) => host.toLowerCase()),
    hosts: [...new Set(all.map(({ host }) => host.toLowerCase()))],
    authorities: [...new Set(all.map(({ host, port }) => formatAuthority(host, port)))],
  };
}

/** The names by which a TLS client can reach a server whose certificate covers only some of them. */
export function onlyCovered(
  { hostnames, hosts, authorities }: Names,
  covers: (host: string) => boolean,
): Names {
  return {
    hostnames,
    hosts: hosts.filter(covers),
    authorities: authorities.filter((authority) => covers(splitAuthority(authority).hostname)),
  };
}

/** `host:port` in lower case, with brackets around an IPv6 address. */
function formatAuthority(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`.toLowerCase();
}

/** The `host:port` of a Host header; without a port it means 443 (RFC 9110, 4.2.2). */
export function authorityOfHeader(host: string | undefined): string | undefined {
  const match = host?.match(/^(\[[0-9a-fA-F:]+\]|[^:[\]]+)(?::([0-9]{1,5}))?$/);
  return match ? `${match[1]}:${match[2] ?? 443}`.toLowerCase() : undefined;
}

function parseHostname(name: string, port: number): { host: string; port: number } {
  const match = name.match(/^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?$/);
  if (!match) {
    throw new SallyportError("usage", `"${name}" is no host name: it must be NAME or NAME:PORT`, {
      remedy: "Give the name that agents use, such as platform.example.com or platform.example.com:443.",
    });
  }
  return { host: (match[1] ?? match[2])!, port: match[3] ? Number(match[3]) : port };
}
