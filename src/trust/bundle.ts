import * as z from "zod/mini";
import "../base/schema_messages.ts";
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../base/encoding.ts";
import { sha256 } from "../base/digest.ts";
import { SallyportError } from "../base/errors.ts";
import { MAX_BUNDLE_CA_CHARS, MAX_BUNDLE_CHARS } from "../base/limits.ts";

/**
 * The enrolment bundle: one string that an operator carries from the platform to the agent. It pins everything
 * that the agent will ever trust about its platform.
 *
 *     sallyport1.<base64url of JSON>.<base64url of the first 6 bytes of SHA-256 of the second part>
 *
 * The checksum is against slips of copy and paste, not against attackers: whoever can change the bundle on its
 * way owns the agent anyway, so carry it over a channel you trust.
 */
const bundleSchema = z.strictObject({
  /** Host and port of the platform, as the agent will reach it. */
  platform: z.string().check(
    z.maxLength(300),
    z.regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/, "must be HOST:PORT"),
  ),
  /** The platform's CA certificate as PEM, or several, or "public": the roots that the runtime carries. */
  ca: z.union([
    z.literal("public"),
    z.string().check(z.maxLength(MAX_BUNDLE_CA_CHARS), z.startsWith("-----BEGIN CERTIFICATE-----")),
  ]),
  /** The platform's key for proofs: P-256, SubjectPublicKeyInfo, base64url. */
  proofKey: z.string().check(z.regex(/^[A-Za-z0-9_-]{100,200}$/)),
  /** The one-time secret. */
  secret: z.string().check(z.minLength(20), z.maxLength(100)),
  /** The end of the secret's life, ISO 8601. */
  expires: z.iso.datetime(),
});

export type EnrolmentBundle = z.infer<typeof bundleSchema>;

const PREFIX = "sallyport1";

/** A bundle as one string. */
export function encodeBundle(bundle: EnrolmentBundle): string {
  const body = toBase64Url(utf8(JSON.stringify(bundleSchema.parse(bundle))));
  return [PREFIX, body, checksum(body)].join(".");
}

/**
 * Reads a bundle; white space inside it, as terminals and mail programs add, does no harm.
 *
 * @throws {SallyportError} `bundle.damaged` with the part that does not fit.
 */
export function decodeBundle(text: string): EnrolmentBundle {
  const compact = text.replaceAll(/\s+/g, "");
  if (compact.length > MAX_BUNDLE_CHARS) throw damaged(`it has more than ${MAX_BUNDLE_CHARS} characters`);
  const [prefix, body, sum, ...rest] = compact.split(".");
  if (prefix !== PREFIX) throw damaged(`it begins with "${prefix?.slice(0, 20)}", not with "${PREFIX}."`);
  if (!body || !sum || rest.length > 0) throw damaged("it does not have three parts with a dot between them");
  if (checksum(body) !== sum) throw damaged("its checksum does not fit: a character was lost or changed");
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(fromBase64Url(body)));
  } catch (cause) {
    throw damaged("its middle part is not JSON in base64url", cause);
  }
  const result = bundleSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw damaged(`its field "${issue?.path.join(".")}" is not valid: ${issue?.message}`);
}

/**
 * `HOST:PORT` of what a person calls an address, where a port that is 443 may be left out.
 *
 * @throws {SallyportError} `usage` when it is none.
 */
export function parseAuthority(text: string): string {
  const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?$/.exec(text);
  if (!match) throw new SallyportError("usage", `"${text}" is not HOST or HOST:PORT`);
  return `${match[1]}:${match[2] ?? "443"}`;
}

/** Host name, without the brackets that an IPv6 address has there, and port of `HOST:PORT`. */
export function splitAuthority(authority: string): { hostname: string; port: number } {
  const colon = authority.lastIndexOf(":");
  return {
    hostname: authority.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(authority.slice(colon + 1)),
  };
}

function checksum(body: string): string {
  return toBase64Url(sha256(body).subarray(0, 6));
}

function damaged(why: string, cause?: unknown): SallyportError {
  return new SallyportError("bundle.damaged", `the enrolment bundle cannot be read: ${why}`, {
    cause,
    remedy: "Copy the whole line again from the platform, or ask for a new bundle there.",
  });
}
