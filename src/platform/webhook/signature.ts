import { utf8 } from "../../base/encoding.ts";

/** HMAC-SHA256 of a body, as the header says it: `sha256=` and lower-case hex. */
export async function sign(secret: string, body: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", utf8(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, utf8(body));
  return `sha256=${new Uint8Array(signature).toHex()}`;
}
