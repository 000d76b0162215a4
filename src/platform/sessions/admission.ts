import { isoTime } from "../../base/clock.ts";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { isSignedBy } from "../../trust/certificate.ts";
import { mayAuthenticateClients } from "../../trust/certificate_authority.ts";
import type { Context } from "../context.ts";
import type { CertificateRecord } from "../store/certificates.ts";
import type { Peer } from "./peer.ts";

/** Why somebody may not come in, for people and for the program. */
export interface Refusal {
  words: string;
  code: CloseCode;
}

/** Who the peer is, or why it may not come in. */
export type Admission =
  | { certificate: CertificateRecord; refusal?: undefined; expired?: undefined }
  | {
    certificate?: undefined;
    refusal: Refusal;
    /** The certificate, when nothing is wrong with it but that its time is over. */
    expired?: CertificateRecord;
  };

/** Decides by a peer's certificate whether it is one of our agents. */
export async function admit(
  peer: Peer,
  { clock, identity, store }: Pick<Context, "clock" | "identity" | "store">,
): Promise<Admission> {
  const certificate = await store.certificates.get(peer.fingerprint);
  if (
    !certificate || !isSignedBy(peer.der, identity.authority.certificate) ||
    !await mayAuthenticateClients(peer.der)
  ) {
    const words = "this platform does not know the client certificate: enrol the agent with a new bundle";
    return { refusal: { words, code: CLOSE.unknownIdentity } };
  }
  const refusal = whyInvalid(certificate, clock.now());
  if (!refusal) return { certificate };
  const isOver = refusal.code === CLOSE.expired && clock.now() > certificate.notAfter;
  return { refusal, ...(isOver ? { expired: certificate } : {}) };
}

/** Why a certificate of ours is not good (any more), or undefined when it is. */
export function whyInvalid(certificate: CertificateRecord, now: number): Refusal | undefined {
  const { notBefore, notAfter, revokedAt, retiredAt } = certificate;
  if (revokedAt !== undefined) {
    const words = `the client certificate was revoked at ${isoTime(revokedAt)}; ask the platform's operator`;
    return { words, code: CLOSE.revoked };
  }
  if (retiredAt !== undefined) {
    const words = `the client certificate was retired at ${
      isoTime(retiredAt)
    }: a newer one of this agent is in use`;
    return { words, code: CLOSE.retired };
  }
  if (now > notAfter) {
    const words = `the client certificate expired at ${isoTime(notAfter)}; the platform's clock says ${
      isoTime(now)
    }`;
    return { words, code: CLOSE.expired };
  }
  if (now < notBefore) {
    const words = `the client certificate is valid from ${isoTime(notBefore)}; the platform's clock says ${
      isoTime(now)
    }`;
    return { words, code: CLOSE.expired };
  }
  return undefined;
}
