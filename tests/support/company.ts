import { systemClock } from "../../src/base/clock.ts";
import type { Authority, Validity } from "../../src/trust/certificate_authority.ts";
import { createAuthority, issueServerCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";

/** A certificate chain and its key, PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
}

/** A CA such as a company has: for its own servers, or for a proxy that opens TLS connections. */
export class Company {
  /** Its root, PEM. */
  readonly root: string;
  readonly #authority: Authority;

  private constructor(authority: Authority) {
    this.root = authority.certificate + "\n";
    this.#authority = authority;
  }

  static async found(name = "Corporate inspection", validity = aroundNow()): Promise<Company> {
    const keys = await generateKeyPair();
    return new Company({ certificate: await createAuthority(name, keys, validity), key: keys.privateKey });
  }

  /** A server's certificate. */
  async certify(hosts = ["127.0.0.1"], validity = aroundNow()): Promise<TestCertificate> {
    const { publicKey, privateKey } = await generateKeyPair();
    return {
      cert: await issueServerCertificate(this.#authority, publicKey, hosts, validity) + "\n",
      key: await privateKeyToPem(privateKey),
    };
  }
}

const HOUR_MS = 3_600_000;

/** From a while ago until tomorrow. */
export function aroundNow(): Validity {
  const now = systemClock.now();
  return { notBefore: now - HOUR_MS, notAfter: now + 24 * HOUR_MS };
}
