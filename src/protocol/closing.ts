/**
 * Why a session ended, said by the platform unless an agent is named: a WebSocket close code of the private
 * range (RFC 6455, 7.4.2), with the reason in words beside it. The other side acts on the code and shows the
 * words.
 */
export const CLOSE = {
  /** Regular end, either side. */
  normal: 1000,
  /** The platform is stopping: reconnect with the usual backoff. */
  goingAway: 1001,
  /** By the agent: it makes the connection anew at once, and is not gone. */
  returning: 4200,
  /** A message broke the protocol. */
  badRequest: 4400,
  /** No certificate, or one that the platform never issued. */
  unknownIdentity: 4401,
  /** The certificate was revoked. */
  revoked: 4403,
  /** Another session came with the same identity and took over. */
  superseded: 4409,
  /** The certificate is outside its validity, and nobody can help that here. */
  expired: 4410,
  /** The certificate was renewed, and the newer one has been used. */
  retired: 4411,
  /** The certificate has expired, and the agent may still get a new one: worth asking again soon. */
  recoverable: 4412,
  /** A message was over the limit. */
  tooLarge: 4413,
  /** Too many requests; wait before the next try. */
  tooMany: 4429,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** A reason that fits the 123 bytes which a close frame has for it (RFC 6455, 5.5.1). */
export function closeReason(words: string): string {
  const bytes = new TextEncoder().encode(words);
  if (bytes.length <= 123) return words;
  return new TextDecoder().decode(bytes.subarray(0, 120)).replace(/\uFFFD$/, "") + "...";
}
