import { fromBase64Url, toBase64Url, utf8 } from "../base/encoding.ts";
import { KEY_ALGORITHM } from "./keys.ts";

/** What the platform's proof binds together; both sides must see the same. */
export interface ProofSubject {
  /** `host:port` under which the agent reached the platform. */
  authority: string;
  /** The agent's challenge: 32 random bytes as base64url. */
  challenge: string;
  /** SHA-256 of the client certificate (DER) of this very TLS connection, lower-case hex. */
  clientFingerprint: string;
  /** The platform's wall clock, milliseconds since 1970 UTC. */
  time: number;
  /** The key to which every message is to be sealed, base64url; only where each may meet another peer. */
  sealingKey?: string | undefined;
}

function signedBytes(
  { authority, challenge, clientFingerprint, time, sealingKey }: ProofSubject,
): Uint8Array<ArrayBuffer> {
  // A fixed first line keeps these bytes from ever being valid in another protocol of the same key.
  const purpose = sealingKey === undefined ? "sallyport platform proof v1" : "sallyport sealing proof v1";
  const fields = [purpose, authority, challenge, clientFingerprint, String(time)];
  return utf8([...fields, ...sealingKey === undefined ? [] : [sealingKey]].join("\n"));
}

/** Signs as the platform; the signature is base64url. */
export async function signProof(key: CryptoKey, subject: ProofSubject): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign(KEY_ALGORITHM, key, signedBytes(subject))));
}

/**
 * Whether the holder of the pinned key signed exactly this. An interceptor cannot relay a proof: it has no key
 * for the agent's certificate, so the platform would see, and sign, another fingerprint.
 */
export async function verifyProof(
  publicKeySpki: Uint8Array<ArrayBuffer>,
  subject: ProofSubject,
  signature: string,
): Promise<boolean> {
  const key = await crypto.subtle.importKey("spki", publicKeySpki, KEY_ALGORITHM, false, ["verify"]);
  return await crypto.subtle.verify(KEY_ALGORITHM, key, fromBase64Url(signature), signedBytes(subject));
}
