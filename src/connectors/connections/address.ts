import * as z from "zod";
import { isIpAddress } from "../../base/hosts.ts";
import type { Secrets } from "./secrets.ts";
import { secretFileSchema } from "./secrets.ts";

/** A server's name or address, as it must stand in its certificate. */
const hostSchema = z.string().min(1).max(253).refine(
  (host) => /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) || /^[0-9a-fA-F:.]+$/.test(host),
  "is a name such as db.example.com, or an IP address without brackets",
);

const tlsSchema = z.union([
  z.literal("off"),
  z.strictObject({
    ca: secretFileSchema.meta({ description: "A file in secrets/ with the CA's certificate, PEM" }),
  }),
], { error: () => "is off, or { ca: FILE } with a file in secrets/; without it TLS trusts the public CAs" });

/** What is common to all servers that a connection logs in to. */
export function serverFields(defaultPort: number) {
  return {
    host: hostSchema,
    port: z.int().min(1).max(65_535).default(defaultPort),
    user: z.string().min(1).max(128),
    password: secretFileSchema.optional().meta({
      description: "A file in secrets/ that holds it, readable by its owner only",
    }),
    tls: tlsSchema.optional().meta({
      description: "Default: TLS by the public CAs. { ca: FILE }: by this CA. off: none, all passes in clear",
    }),
  };
}

export interface ServerConfig {
  host: string;
  port: number;
  user: string;
  password?: string | undefined;
  tls?: "off" | { ca: string } | undefined;
}

/** `host:port`, as permissions have it. */
export function addressOf({ host, port }: Pick<ServerConfig, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host.toLowerCase()}:${port}`;
}

/** What TLS is to check, for drivers that take Node's options; undefined for none. */
export interface TlsChecks {
  ca?: string;
  /** The name or the address that the certificate must have. */
  host: string;
  /** The name again, for the server to choose its certificate by; an address cannot be one. */
  servername?: string;
}

/** Reads what TLS needs. */
export async function tlsChecks(
  { host, tls }: ServerConfig,
  secrets: Secrets,
): Promise<TlsChecks | undefined> {
  if (tls === "off") return undefined;
  return {
    host,
    ...isIpAddress(host) ? {} : { servername: host },
    ...tls === undefined ? {} : { ca: await secrets.certificates(tls.ca) },
  };
}

/** The password, or an empty one where none is given: drivers would look for one elsewhere. */
export async function passwordOf({ password }: ServerConfig, secrets: Secrets): Promise<string> {
  return password === undefined ? "" : await secrets.secret(password);
}
