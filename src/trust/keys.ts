/** Every key of ours is ECDSA on P-256 with SHA-256: in every TLS stack, every HSM and every FIPS list. */
export const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Makes a key pair. It is extractable: the runtime takes a TLS client key only as PEM. */
export async function generateKeyPair(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

/** A private key as PKCS#8 PEM. */
export async function privateKeyToPem(key: CryptoKey): Promise<string> {
  return toPem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)));
}

/** The private key of PKCS#8 PEM. Throws when it is not a P-256 key. */
export async function privateKeyFromPem(pem: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey("pkcs8", fromPem("PRIVATE KEY", pem), KEY_ALGORITHM, true, ["sign"]);
}

/** The key pair of a PKCS#8 PEM: the public half follows from the private one. */
export async function keyPairFromPem(pem: string): Promise<CryptoKeyPair> {
  const privateKey = await privateKeyFromPem(pem);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
  const publicJwk = { kty, crv, x, y } as JsonWebKey;
  const publicKey = await crypto.subtle.importKey("jwk", publicJwk, KEY_ALGORITHM, true, ["verify"]);
  return { privateKey, publicKey };
}

/** DER as PEM (RFC 7468), 64 characters a line. */
export function toPem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The DER of the first PEM block with this label. Throws SyntaxError when there is none. */
export function fromPem(label: string, pem: string): Uint8Array<ArrayBuffer> {
  const [first] = allFromPem(label, pem);
  if (first === undefined) throw new SyntaxError(`there is no PEM block "${label}"`);
  return first;
}

/** The DER of every PEM block with this label, in order. Throws SyntaxError when one is not base64. */
export function allFromPem(label: string, pem: string): Uint8Array<ArrayBuffer>[] {
  const block = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, "g");
  return [...pem.matchAll(block)].map(([, body]) => Uint8Array.fromBase64(body!));
}
