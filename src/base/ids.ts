import { generate } from "@std/uuid/v7";
import { toBase64Url } from "./encoding.ts";
import type { Clock } from "./clock.ts";

/** 16 bytes in the usual form of a UUID: 8-4-4-4-12 lower-case hex digits. */
export function formatUuid(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The 16 bytes of a UUID in its usual form, or undefined when it is not one. */
export function parseUuid(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return undefined;
  return Uint8Array.fromHex(text.replaceAll("-", ""));
}

/** A UUID version 7 (RFC 9562, 5.7) in its usual form: sorted by the time of its making. */
export function uuidv7(clock: Clock): string {
  return generate(Math.max(0, Math.floor(clock.now())));
}

/** `byteLength` random bytes as base64url: tokens, secrets, challenges. */
export function randomToken(byteLength = 32): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(byteLength)));
}
