/** The platform's side of certificates: a small CA, as pure functions over keys and times. */
import { SallyportError } from "../base/errors.ts";
import { isIpAddress } from "../base/hosts.ts";
import { KEY_ALGORITHM } from "./keys.ts";

/** A CA: its certificate as PEM and its private key. */
export interface Authority {
  certificate: string;
  key: CryptoKey;
}

/** From when to when a certificate is valid, in milliseconds since 1970 UTC. */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

/** Makes the certificate of a new CA that may sign end-entity certificates only (path length 0), as PEM. */
export async function createAuthority(
  name: string,
  keys: CryptoKeyPair,
  validity: Validity,
): Promise<string> {
  const x509 = await import("./x509.ts");
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...asDates(validity),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString("pem");
}

/** Issues the platform's own server certificate for host names and IP addresses, as PEM. */
export async function issueServerCertificate(
  authority: Authority,
  publicKey: CryptoKey,
  hosts: readonly string[],
  validity: Validity,
): Promise<string> {
  const x509 = await import("./x509.ts");
  const names = hosts.map((value) => ({ type: isIpAddress(value) ? "ip" as const : "dns" as const, value }));
  return await issue(authority, publicKey, `CN=${hosts[0]}`, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ]);
}

/** Issues an agent's certificate: clientAuth only, its identity as `urn:uuid:…`, as PEM. */
export async function issueAgentCertificate(
  authority: Authority,
  publicKey: CryptoKey,
  instanceUid: string,
  validity: Validity,
): Promise<string> {
  const x509 = await import("./x509.ts");
  return await issue(authority, publicKey, `CN=${instanceUid}`, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension([{ type: "url", value: `urn:uuid:${instanceUid}` }]),
  ]);
}

/**
 * The public key of a certificate request whose signature shows that the sender holds the private key.
 *
 * @throws {SallyportError} `enrolment.refused` when it is no request, not for P-256, or wrongly signed.
 */
export async function checkRequest(pem: string): Promise<CryptoKey> {
  const x509 = await import("./x509.ts");
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const key = await request.publicKey.export(KEY_ALGORITHM, ["verify"]);
    if (await request.verify()) return key;
  } catch (cause) {
    throw new SallyportError("enrolment.refused", "the certificate request is not one for a P-256 key", {
      cause,
    });
  }
  throw new SallyportError("enrolment.refused", "the certificate request is not signed by its own key");
}

/**
 * The agent that a certificate request names, in its subject or its alternative names; undefined when it names
 * none, as requests of ours do. OpAMP: if it names an instance_uid, that must be the sender's.
 */
export async function identityNamedBy(pem: string): Promise<string | undefined> {
  const x509 = await import("./x509.ts");
  const request = new x509.Pkcs10CertificateRequest(pem);
  const alternative = request.extensions.find((each) => each instanceof x509.SubjectAlternativeNameExtension);
  const names = alternative?.names.items ?? [];
  const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
  return [request.subject, ...names.map(({ value }) => value)].join(" ").match(uuid)?.[0].toLowerCase();
}

/**
 * Whether a certificate says itself that it may authenticate a TLS client (id-kp-clientAuth; RFC 5280,
 * 4.2.1.12). The TLS stack lets one without any usage pass, so the platform asks.
 */
export async function mayAuthenticateClients(der: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const x509 = await import("./x509.ts");
  const usages = new x509.X509Certificate(der).getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  return usages.includes(x509.ExtendedKeyUsage.clientAuth);
}

type Extension = import("@peculiar/x509").Extension;

async function issue(
  authority: Authority,
  publicKey: CryptoKey,
  subject: string,
  validity: Validity,
  extensions: Extension[],
): Promise<string> {
  const x509 = await import("./x509.ts");
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.subject,
    publicKey,
    signingKey: authority.key,
    ...asDates(validity),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...extensions,
    ],
  });
  return certificate.toString("pem");
}

function asDates({ notBefore, notAfter }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}
