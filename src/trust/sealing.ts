/**
 * Messages that only the holder of one key can read, and answers that only their sender can: HPKE (RFC 9180) in base
 * mode with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. The answer's key is exported from the message's
 * own context (RFC 9180, 9.8), as Oblivious HTTP does (RFC 9458, 4.4).
 *
 *     message = encapsulated key (65 bytes) ‖ ciphertext
 *     answer  = nonce (12 random bytes) ‖ AES-256-GCM ciphertext
 */
import { concat } from "@std/bytes/concat";
import { fromBase64Url, toBase64Url, utf8 } from "../base/encoding.ts";
import { SallyportError } from "../base/errors.ts";
import { fromPem } from "./keys.ts";

/** The encapsulated key: an uncompressed point on P-256. */
const ENCAPSULATED_BYTES = 65;
const NONCE_BYTES = 12;
const INFO = utf8("sallyport sealed message v1");
const ANSWER_KEY = utf8("sallyport sealed answer v1");

/** How much longer a sealed message is than what is in it. */
export const SEALING_BYTES = ENCAPSULATED_BYTES + 16;

type Bytes = Uint8Array<ArrayBuffer>;

/** A sealed message, and the way to read its answer. */
export interface Sealed {
  body: Bytes;
  /** Opens the answer to this very message. Rejects with `platform.protocol` when it is not one. */
  openAnswer(answer: Bytes): Promise<Bytes>;
}

/** An opened message, and the way to answer it. */
export interface Opened {
  body: Bytes;
  /** Seals an answer that only the sender of this message can read. */
  sealAnswer(answer: Bytes): Promise<Bytes>;
}

/** Makes a key pair for {@linkcode openSealed}, with the public half as an uncompressed point, base64url's input. */
export async function generateSealingKeys(): Promise<{ keys: CryptoKeyPair; publicKey: Bytes }> {
  const suite = await loadSuite();
  const keys = await suite.kem.generateKeyPair();
  return { keys, publicKey: new Uint8Array(await suite.kem.serializePublicKey(keys.publicKey)) };
}

/** A key pair of {@linkcode generateSealingKeys} from the PKCS#8 PEM of its private half. Rejects when it is none. */
export async function sealingKeysFromPem(pem: string): Promise<CryptoKeyPair> {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const der = fromPem("PRIVATE KEY", pem);
  const privateKey = await crypto.subtle.importKey("pkcs8", der, algorithm, true, ["deriveBits"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
  const publicKey = await crypto.subtle.importKey(
    "jwk",
    { kty, crv, x, y } as JsonWebKey,
    algorithm,
    true,
    [],
  );
  return { privateKey, publicKey };
}

/** The public half of a key pair as text: base64url of an uncompressed point. */
export async function sealingKeyText({ publicKey }: CryptoKeyPair): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)));
}

/** The bytes of {@linkcode sealingKeyText}. Throws TypeError when it is none. */
export function sealingKeyBytes(text: string): Bytes {
  try {
    const bytes = fromBase64Url(text.trim());
    if (bytes.length === ENCAPSULATED_BYTES && bytes[0] === 4) return bytes;
  } catch {
    // told below
  }
  throw new TypeError("this is not a key to seal to");
}

/**
 * Seals a message to a public key (an uncompressed point on P-256). `context` is bound to it: both sides must name
 * the same.
 */
export async function seal(publicKey: Bytes, context: string, body: Bytes): Promise<Sealed> {
  const suite = await loadSuite();
  const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
  const sender = await suite.createSenderContext({ recipientPublicKey, info: INFO });
  const ciphertext = new Uint8Array(await sender.seal(body, utf8(context)));
  const key = await answerKey(await sender.export(ANSWER_KEY, 32));
  return {
    body: concat([new Uint8Array(sender.enc), ciphertext]),
    async openAnswer(answer) {
      const iv = answer.subarray(0, NONCE_BYTES);
      try {
        const opened = await crypto.subtle.decrypt(
          { name: "AES-GCM", iv },
          key,
          answer.subarray(NONCE_BYTES),
        );
        return new Uint8Array(opened);
      } catch (cause) {
        throw notSealed(`an answer of ${answer.length} bytes is not sealed for this message`, cause);
      }
    },
  };
}

/**
 * Opens a message that was sealed to these keys.
 *
 * @throws {SallyportError} `platform.protocol` when it was sealed to another key or for another context, or changed.
 */
export async function openSealed(keys: CryptoKeyPair, context: string, sealed: Bytes): Promise<Opened> {
  const suite = await loadSuite();
  try {
    const enc = sealed.slice(0, ENCAPSULATED_BYTES);
    const recipient = await suite.createRecipientContext({ recipientKey: keys, enc, info: INFO });
    const body = await recipient.open(sealed.subarray(ENCAPSULATED_BYTES), utf8(context));
    const key = await answerKey(await recipient.export(ANSWER_KEY, 32));
    return {
      body: new Uint8Array(body),
      async sealAnswer(answer) {
        const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
        const ciphertext = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, answer));
        return concat([iv, ciphertext]);
      },
    };
  } catch (cause) {
    throw notSealed(`a message of ${sealed.length} bytes is not sealed to this key`, cause);
  }
}

function answerKey(raw: ArrayBuffer): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function notSealed(message: string, cause: unknown): SallyportError {
  return new SallyportError("platform.protocol", message, { cause });
}

/** The library is loaded only where something is sealed: the usual connection needs none of it. */
async function loadSuite() {
  const { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } = await import("@hpke/core");
  return new CipherSuite({
    kem: new DhkemP256HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
}
