import { toBase64Url } from "./encoding.ts";
import type { Clock } from "./clock.ts";

/** A UUID version 7 (RFC 9562, 5.7) as 16 bytes: sorted by the time of its making. */
export function uuidv7Bytes(clock: Clock): Uint8Array<ArrayBuffer> {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  const ms = Math.max(0, clock.now());
  view.setUint32(0, Math.floor(ms / 2 ** 16));
  view.setUint16(4, ms % 2 ** 16);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return bytes;
}

/** 16 bytes in the usual form of a UUID: 8-4-4-4-12 lower-case hex digits. */
export function formatUuid(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The 16 bytes of a UUID in its usual form, or undefined when it is not one. */
export function parseUuid(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return undefined;
  return Uint8Array.fromHex(text.replaceAll("-", ""));
}

/** A UUID version 7 in its usual form. */
export function uuidv7(clock: Clock): string {
  return formatUuid(uuidv7Bytes(clock));
}

/** `byteLength` random bytes as base64url: tokens, secrets, challenges. */
export function randomToken(byteLength = 32): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(byteLength)));
}
