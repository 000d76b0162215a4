import * as z from "zod/mini";

/**
 * The platform's request that an agent makes a new key and renews its certificate now, by the way that OpAMP has
 * for renewals ("CertificateRequest"); OpAMP itself has no message for the request. Custom messages
 * `io.sallyport.certificate/1`, platform to agent, type `renew`. It is sent again in every session until a
 * certificate that was issued after it has been used, so it needs no answer of its own.
 */
export const renewSchema = z.strictObject({
  /** When an operator asked for it. */
  requestedAt: z.iso.datetime(),
});

export type Renew = z.infer<typeof renewSchema>;
