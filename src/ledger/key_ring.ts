import type { CertificateFacts } from "../trust/certificate.ts";
import { readCertificate } from "../trust/certificate.ts";
import { isIssuedBy } from "../trust/signature.ts";
import { fault } from "./fault.ts";

/** A certificate that signs checkpoints. */
export interface SigningKey {
  /** SHA-256 of the certificate. */
  fingerprint: string;
  /** The agent that the certificate is for, if it names one. */
  agent: string | null;
  /** The checkpoint that introduced it. */
  since: number;
  /** The certificate whose key vouched for it; null when it introduced itself. */
  introducedBy: string | null;
  /** Whether there is a reason to trust it: it was given, issued by a CA that was given, or vouched for by one. */
  trusted: boolean;
}

/**
 * The keys of a ledger, as its checkpoints introduce them: the first one introduces itself, and each vouches for
 * the next. What makes them worth anything are certificates that the verifier was given.
 */
export class KeyRing {
  readonly #find: (fingerprint: string) => string | undefined;
  readonly #pinned: ReadonlySet<string>;
  readonly #authorities: readonly string[];
  readonly #keys = new Map<string, SigningKey & { certificate: string }>();

  /**
   * @param find gives a certificate (PEM) of the ledger by its fingerprint
   * @param given certificates (PEM) of agents and of CAs that are trusted
   */
  constructor(find: (fingerprint: string) => string | undefined, given: readonly string[]) {
    this.#find = find;
    const facts = given.map((pem) => ({ pem, ...readCertificate(pem) }));
    this.#pinned = new Set(facts.filter(({ isCa }) => !isCa).map(({ fingerprint }) => fingerprint));
    this.#authorities = facts.filter(({ isCa }) => isCa).map(({ pem }) => pem);
  }

  /** Every key that was introduced, in order. */
  get keys(): SigningKey[] {
    return [...this.#keys.values()].map(({ certificate: _certificate, ...key }) => key);
  }

  /** Whether a certificate was introduced. */
  has(fingerprint: string): boolean {
    return this.#keys.has(fingerprint);
  }

  /** Whether the ledger has a certificate at all. */
  isKept(fingerprint: string): boolean {
    return this.#find(fingerprint) !== undefined;
  }

  /** Takes a certificate in, which another, or itself, introduces at a checkpoint. */
  introduce(fingerprint: string, by: string, since: number): void {
    if (this.has(fingerprint)) fault("checkpoint", since, "it introduces a certificate a second time");
    const certificate = this.#find(fingerprint);
    const facts = certificate === undefined ? undefined : factsOf(certificate);
    if (certificate === undefined || facts?.fingerprint !== fingerprint) {
      fault("certificate", since, `the certificate ${fingerprint} is gone, or another stands in its place`);
    }
    const introducedBy = fingerprint === by ? null : by;
    const trusted = this.#pinned.has(fingerprint) || this.#keys.get(introducedBy ?? "")?.trusted === true ||
      this.#authorities.some((authority) => isIssuedBy(certificate, authority));
    const agent = facts.instanceUid ?? null;
    this.#keys.set(fingerprint, { fingerprint, agent, since, introducedBy, trusted, certificate });
  }

  /** The key that a checkpoint names as its signer, with its certificate (PEM). */
  signer(fingerprint: string, number: number): SigningKey & { certificate: string } {
    return this.#keys.get(fingerprint) ??
      fault("certificate", number, `it is signed by ${fingerprint}, which no checkpoint has introduced`);
  }
}

function factsOf(pem: string): CertificateFacts | undefined {
  try {
    return readCertificate(pem);
  } catch {
    return undefined;
  }
}
