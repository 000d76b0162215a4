import { systemClock } from "../../src/base/clock.ts";
import type { Authority, Validity } from "../../src/trust/certificate_authority.ts";
import { issueServerCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, KEY_ALGORITHM, privateKeyToPem } from "../../src/trust/keys.ts";
import * as x509 from "../../src/trust/x509.ts";

/** A certificate chain and its key, PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
}

const HOUR_MS = 3_600_000;

/** From a while ago until tomorrow. */
export function aroundNow(): Validity {
  const now = systemClock.now();
  return { notBefore: now - HOUR_MS, notAfter: now + 24 * HOUR_MS };
}

/** A CA such as a company has: for its own servers, or for a proxy that opens TLS connections. */
export class Company {
  /** Its root, PEM. */
  readonly root: string;
  /** The key of its root, PEM. */
  readonly rootKey: string;
  readonly #authority: Authority;

  private constructor(authority: Authority, rootKey: string) {
    this.root = authority.certificate;
    this.rootKey = rootKey;
    this.#authority = authority;
  }

  static async found(name = "Corporate inspection"): Promise<Company> {
    const authority = await createCa(name);
    return new Company(authority, await privateKeyToPem(authority.key));
  }

  /** A server's certificate. */
  async certify(hosts = ["127.0.0.1"], validity = aroundNow()): Promise<TestCertificate> {
    return await certify(this.#authority, hosts, validity);
  }

  /** A server's certificate, with that of the issuing CA between it and the root. */
  async certifyByBranch(hosts = ["127.0.0.1"]): Promise<TestCertificate> {
    const branch = await createCa("Branch", this.#authority);
    const { cert, key } = await certify(branch, hosts, aroundNow());
    return { cert: cert + branch.certificate, key };
  }
}

async function createCa(name: string, by?: Authority): Promise<Authority> {
  const keys = await generateKeyPair();
  const { notBefore, notAfter } = aroundNow();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: by ? new x509.X509Certificate(by.certificate).subject : `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: by?.key ?? keys.privateKey,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { certificate: certificate.toString("pem") + "\n", key: keys.privateKey };
}

async function certify(authority: Authority, hosts: string[], validity: Validity): Promise<TestCertificate> {
  const { publicKey, privateKey } = await generateKeyPair();
  return {
    cert: await issueServerCertificate(authority, publicKey, hosts, validity) + "\n",
    key: await privateKeyToPem(privateKey),
  };
}
