import { join } from "@std/path";
import * as z from "zod";
import type { Clock } from "../../base/clock.ts";
import { DAY_MS } from "../../base/clock.ts";
import { toBase64Url } from "../../base/encoding.ts";
import { SallyportError } from "../../base/errors.ts";
import { exists, readTextIfThere, writeAtomic } from "../../base/files.ts";
import { MAX_CLOCK_OFFSET_MS } from "../../base/limits.ts";
import type { Authority, Validity } from "../../trust/certificate_authority.ts";
import { createAuthority } from "../../trust/certificate_authority.ts";
import { readCertificate } from "../../trust/certificate.ts";
import { generateKeyPair, privateKeyFromPem, privateKeyToPem } from "../../trust/keys.ts";

const CA_DAYS = 3_650;
/** Certificates begin early, so that an agent whose clock is behind still accepts them. */
export const BACKDATE_MS = MAX_CLOCK_OFFSET_MS;

/** From when to when a certificate is valid that is issued to an agent now. */
export function agentValidity(now: number, lifeMs: number): Validity {
  // One that lives for minutes must not begin a day ago: agents renew at a part of the whole.
  return { notBefore: now - Math.min(BACKDATE_MS, lifeMs / 10), notAfter: now + lifeMs };
}

/** The keys that make this platform the one which its agents trust. */
export interface Identity {
  authority: Authority;
  proofKey: CryptoKey;
  /** SubjectPublicKeyInfo of the proof key as base64url: what enrolment bundles pin. */
  proofKeySpki: string;
}

// One file and not one for each key, so that a crash cannot leave half an identity.
const identitySchema = z.strictObject({
  version: z.literal(1),
  caCertificate: z.string(),
  caKey: z.string(),
  proofKey: z.string(),
  proofKeySpki: z.string(),
});
type IdentityFile = z.infer<typeof identitySchema>;

const IDENTITY_FILE = "identity.json";

/**
 * Loads the platform's identity, or makes it at the very first start, which is when `firstTrace` (the
 * database) is not there either.
 *
 * @throws {SallyportError} `state.unreadable` when the identity is damaged or gone: a new one would lock every
 * agent out, so that is never done silently.
 */
export async function loadIdentity(dataDir: string, firstTrace: string, clock: Clock): Promise<Identity> {
  const path = join(dataDir, IDENTITY_FILE);
  const text = await readTextIfThere(path);
  if (text !== undefined) return await parseIdentity(path, text);
  if (await exists(join(dataDir, firstTrace))) {
    throw unreadable(`${path} is gone, but ${firstTrace} beside it shows that this platform has agents`);
  }
  const file = await makeIdentity(clock);
  await writeAtomic(path, JSON.stringify(file, undefined, 2) + "\n");
  return await parseIdentity(path, JSON.stringify(file));
}

/** The CA that TLS clients must trust, PEM, as a file for people and tools to copy; it holds nothing secret. */
export async function publishCa(dataDir: string, ca: string): Promise<void> {
  const path = join(dataDir, "ca.pem");
  if (await readTextIfThere(path) === ca) return;
  await writeAtomic(path, ca, { mode: 0o644 });
}

async function makeIdentity(clock: Clock): Promise<IdentityFile> {
  const [ca, proof] = [await generateKeyPair(), await generateKeyPair()];
  const now = clock.now();
  const validity = { notBefore: now - BACKDATE_MS, notAfter: now + CA_DAYS * DAY_MS };
  return {
    version: 1,
    // The name is unique, so that a trust store holding two platforms' CAs never takes one for the other.
    caCertificate: await createAuthority(`Sallyport CA ${crypto.randomUUID().slice(0, 8)}`, ca, validity),
    caKey: await privateKeyToPem(ca.privateKey),
    proofKey: await privateKeyToPem(proof.privateKey),
    proofKeySpki: toBase64Url(new Uint8Array(await crypto.subtle.exportKey("spki", proof.publicKey))),
  };
}

async function parseIdentity(path: string, text: string): Promise<Identity> {
  try {
    const file = identitySchema.parse(JSON.parse(text));
    if (!readCertificate(file.caCertificate).isCa) throw new Error("its certificate is not one of a CA");
    return {
      authority: { certificate: file.caCertificate, key: await privateKeyFromPem(file.caKey) },
      proofKey: await privateKeyFromPem(file.proofKey),
      proofKeySpki: file.proofKeySpki,
    };
  } catch {
    // What lies underneath may quote the file, which holds private keys.
    throw unreadable(`${path} is damaged`);
  }
}

function unreadable(what: string): SallyportError {
  return new SallyportError("state.unreadable", `the platform's identity cannot be read: ${what}`, {
    remedy: "Restore the file from a backup. A new identity would lock out every agent enrolled so far, so " +
      "none is made; to begin anew on purpose, start with an empty data folder.",
  });
}
