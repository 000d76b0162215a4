import { join } from "@std/path";
import * as z from "zod/mini";
import "../base/schema_messages.ts";
import { sha256Hex } from "../base/digest.ts";
import { exists, readTextIfThere, syncFolder, writeAtomic } from "../base/files.ts";
import { readCertificate } from "../trust/certificate.ts";
import { createRequest } from "../trust/certificate_request.ts";
import { generateKeyPair, keyPairFromPem, privateKeyToPem } from "../trust/keys.ts";

/**
 * The next identity while it is being asked for and tried: the folder `renewal/` with `key.pem`, `request.pem`
 * and, once the platform has answered, `offer.json`. The key and the request are on disk before they are used,
 * so that a lost answer is asked for again with the same words.
 */

const offerSchema = z.strictObject({
  /** The hash of the offer, hex: what the status about it names. */
  hash: z.string(),
  /** PEM. */
  certificate: z.string(),
});

export type CertificateOffer = z.infer<typeof offerSchema>;

/** A key and a certificate for it, PEM: what a connection is made with. */
export interface Credential {
  key: string;
  certificate: string;
}

export interface Candidate {
  /** PEM. */
  key: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  publicKeyFingerprint: string;
  /** The certificate request, PEM. */
  request: string;
  offer: CertificateOffer | undefined;
}

export const candidateFolder = (stateFolder: string) => join(stateFolder, "renewal");

/** The candidate on disk, or undefined when there is none that is whole. */
export async function loadCandidate(stateFolder: string): Promise<Candidate | undefined> {
  const folder = candidateFolder(stateFolder);
  try {
    const [key, request, offer] = await Promise.all(
      ["key.pem", "request.pem", "offer.json"].map((name) => readTextIfThere(join(folder, name))),
    );
    if (key === undefined || request === undefined) return undefined;
    const publicKeyFingerprint = await fingerprintOf(key);
    if (offer === undefined) return { key, publicKeyFingerprint, request, offer: undefined };
    const read = offerSchema.parse(JSON.parse(offer));
    return readCertificate(read.certificate).publicKeyFingerprint === publicKeyFingerprint
      ? { key, publicKeyFingerprint, request, offer: read }
      : undefined;
  } catch {
    return undefined; // it proves nothing yet, so a damaged one is simply made anew
  }
}

/** The candidate that is there, or a new one with a key of its own, which appears by one rename. */
export async function prepareCandidate(stateFolder: string): Promise<Candidate> {
  const known = await loadCandidate(stateFolder);
  if (known) return known;
  await discardCandidate(stateFolder);
  const staging = join(stateFolder, "renewal.new");
  if (await exists(staging)) await Deno.remove(staging, { recursive: true });
  const keys = await generateKeyPair();
  const [key, request] = [await privateKeyToPem(keys.privateKey), await createRequest(keys)];
  await Deno.mkdir(staging, { mode: 0o700 });
  await writeAtomic(join(staging, "key.pem"), key);
  await writeAtomic(join(staging, "request.pem"), request);
  await Deno.rename(staging, candidateFolder(stateFolder));
  await syncFolder(stateFolder);
  return { key, publicKeyFingerprint: await fingerprintOf(key), request, offer: undefined };
}

/** Keeps what the platform offered for the candidate's request, before it is used for anything. */
export async function keepOffer(stateFolder: string, offer: CertificateOffer): Promise<void> {
  await writeAtomic(join(candidateFolder(stateFolder), "offer.json"), JSON.stringify(offer, null, 2));
}

/** Throws the candidate away, all of it or nothing. */
export async function discardCandidate(stateFolder: string): Promise<void> {
  const [folder, going] = [candidateFolder(stateFolder), join(stateFolder, "renewal.discarded")];
  if (await exists(going)) await Deno.remove(going, { recursive: true });
  if (!await exists(folder)) return;
  await Deno.rename(folder, going);
  await syncFolder(stateFolder);
  await Deno.remove(going, { recursive: true });
}

async function fingerprintOf(key: string): Promise<string> {
  const { publicKey } = await keyPairFromPem(key);
  return sha256Hex(new Uint8Array(await crypto.subtle.exportKey("spki", publicKey)));
}
