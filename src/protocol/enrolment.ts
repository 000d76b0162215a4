import * as z from "zod/mini";

/**
 * Enrolment: one WebSocket at `/v1/enroll`. The agent shows a self-signed certificate of the key it has just
 * made, so that the platform's proof binds to that key; then it sends its one-time secret with a certificate
 * request, and receives its certificate. Custom messages `io.sallyport.enrolment/1`, types `request` and
 * `certificate`; a refusal is an OpAMP error response.
 */

export const enrolmentRequestSchema = z.strictObject({
  protocol: z.int().check(z.minimum(1)),
  /** The one-time secret of the bundle. */
  secret: z.string().check(z.minLength(20), z.maxLength(100)),
  /** PKCS#10 request, PEM, for a P-256 key; its subject is ignored. */
  csr: z.string().check(z.maxLength(4_000)),
  /** What the operator may call this agent. */
  name: z.string().check(z.minLength(1), z.maxLength(100)),
});

export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const enrolmentCertificateSchema = z.strictObject({
  /** The identity that the platform gives, a UUID; the certificate carries it too. */
  instanceUid: z.uuid(),
  /** The agent's certificate, PEM. */
  certificate: z.string().check(z.maxLength(8_000)),
  /** The name under which the platform shows the agent. */
  name: z.string().check(z.minLength(1), z.maxLength(100)),
});

export type EnrolmentCertificate = z.infer<typeof enrolmentCertificateSchema>;
