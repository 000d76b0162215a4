import * as z from "zod/mini";

/**
 * The platform's proof. The agent puts a random challenge into the header of its WebSocket upgrade and sends
 * nothing else until the first message, a custom message `io.sallyport.proof/1` of type `proof`, has proved
 * the key that its enrolment bundle pins. `trust/proof.ts` says what is signed. HTTP polling asks for the same by a
 * request that carries nothing but the header.
 */

/** The request header: 32 random bytes as base64url. */
export const CHALLENGE_HEADER = "sallyport-challenge";
/** The request header of a connection that wants the proof and the verdict on its certificate, and no session. */
export const PROBE_HEADER = "sallyport-probe";
export const challengePattern = /^[A-Za-z0-9_-]{43}$/;

export const proofSchema = z.strictObject({
  /** The protocol version that the platform speaks. */
  protocol: z.int().check(z.minimum(1)),
  /** The platform's wall clock, milliseconds since 1970 UTC: part of what is signed. */
  time: z.int().check(z.minimum(0)),
  /** HTTP polling only: the key to which messages are sealed, an uncompressed point on P-256, base64url. Signed too. */
  sealingKey: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{87}$/))),
  /** ECDSA P-256 with SHA-256 in IEEE P1363 form, base64url. */
  signature: z.string().check(z.regex(/^[A-Za-z0-9_-]{86}$/)),
});

export type Proof = z.infer<typeof proofSchema>;
