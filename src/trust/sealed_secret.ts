/**
 * A secret that only one agent can read: sealed to its key (`trust/sealing.ts`), as one line of text that may pass any
 * hands. The name under which the agent knows it is bound to it, so none can be put in the place of another.
 */
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../base/encoding.ts";
import { openSealed, seal, sealingKeyBytes } from "./sealing.ts";

const PREFIX = "sallyport-sealed-1:";

/** Whether a text has the form of a sealed secret. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Seals a secret to an agent's key, in the form in which `sallyport secrets key` prints it.
 *
 * @throws {TypeError} when the key is none.
 */
export async function sealSecret(key: string, name: string, secret: string): Promise<string> {
  const { body } = await seal(sealingKeyBytes(key), contextOf(name), utf8(secret));
  return PREFIX + toBase64Url(body);
}

/** Opens a sealed secret. Rejects when it was sealed to another key or under another name, or changed. */
export async function openSecret(keys: CryptoKeyPair, name: string, text: string): Promise<string> {
  const { body } = await openSealed(keys, contextOf(name), fromBase64Url(text.slice(PREFIX.length)));
  return fromUtf8(body);
}

function contextOf(name: string): string {
  return `secret ${name}`;
}
