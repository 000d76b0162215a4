import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { isoTime } from "../../base/clock.ts";
import { messageOf, SallyportError } from "../../base/errors.ts";
import { readTextIfThere } from "../../base/files.ts";
import { isSignedBy, readCertificate } from "../../trust/certificate.ts";
import { allFromPem, toPem } from "../../trust/keys.ts";
import * as x509 from "../../trust/x509.ts";
import { coverageOf } from "./coverage.ts";
import type { ServerCertificate } from "./server_certificate.ts";

/** Where the operator keeps a certificate for the platform's server: chain and key, PEM. */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

/** What the operator's certificate must be good for. */
export interface CertificateNeeds {
  /** The names that the operator gave the platform: every one. */
  hostnames: readonly string[];
  /** All of its names: one at least. */
  hosts: readonly string[];
  now: number;
}

/**
 * Reads the operator's own certificate and key, and checks everything that would else show only on the agents.
 *
 * @throws {SallyportError} `file.missing`, or `usage` with what is wrong and what to do about it.
 */
export async function readGivenCertificate(
  files: CertificateFiles,
  needs: CertificateNeeds,
): Promise<ServerCertificate> {
  const pem = await read("--tls-certificate", files.certificate);
  const keyPem = await read("--tls-key", files.key);
  const where = `--tls-certificate: ${files.certificate}`;
  const chain = readChain(where, pem);
  const key = readKey(`--tls-key: ${files.key}`, keyPem);
  checkKey(where, chain, key);
  checkUse(where, chain[0]!);
  checkTime(where, chain[0]!, needs.now);
  checkNames(where, chain[0]!, needs);
  return { certificate: chain.map((der) => toPem("CERTIFICATE", der)).join(""), key };
}

async function read(option: string, path: string): Promise<string> {
  const text = await readTextIfThere(path);
  if (text !== undefined) return text;
  throw new SallyportError("file.missing", `${option}: there is no file ${path}`, {
    remedy: "Check the path, and that the user who runs the platform may read it.",
  });
}

function readChain(where: string, pem: string): Uint8Array<ArrayBuffer>[] {
  let chain: Uint8Array<ArrayBuffer>[];
  try {
    chain = allFromPem("CERTIFICATE", pem);
    chain.forEach(readCertificate);
  } catch (cause) {
    throw wrong(`${where} holds something that is no certificate: ${messageOf(cause)}`, PEM_CHAIN, cause);
  }
  if (chain.length === 0) throw wrong(`${where} holds no certificate in PEM`, PEM_CHAIN);
  const gap = chain.findIndex((der, i) => i > 0 && !isSignedBy(chain[i - 1]!, der));
  if (gap === -1) return chain;
  const [above, below] = [chain[gap - 1]!, chain[gap]!].map((der) => readCertificate(der).subject);
  throw wrong(
    `${where} is not in order: "${below}" stands behind "${above}", which it did not sign`,
    PEM_CHAIN,
  );
}

const PEM_CHAIN =
  "It must hold the server's own certificate first, then the one that signed it, and so on; the root may be missing.";

/** The key as PKCS#8 PEM, whatever form it came in. */
function readKey(where: string, pem: string): string {
  if (/ENCRYPTED/.test(pem)) {
    throw wrong(`${where} is encrypted with a passphrase, which nobody could enter at a restart`, DECRYPT);
  }
  try {
    return createPrivateKey(pem).export({ type: "pkcs8", format: "pem" }) as string;
  } catch {
    // What lies underneath may quote the key.
    throw wrong(
      `${where} holds no private key in PEM that can be read`,
      "It must be PKCS#8, PKCS#1 or SEC 1, in PEM.",
    );
  }
}

const DECRYPT =
  "Write it without: openssl pkey -in KEY -out PLAIN; and let only the platform's user read that file.";

function checkKey(where: string, chain: readonly Uint8Array<ArrayBuffer>[], key: string): void {
  const ofKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const fits = (der: Uint8Array<ArrayBuffer>) =>
    ofKey.equals(new X509Certificate(der as never).publicKey.export({ type: "spki", format: "der" }));
  if (fits(chain[0]!)) return;
  const subject = readCertificate(chain[0]!).subject;
  throw wrong(
    `the key in --tls-key is not that of "${subject}", the first certificate in ${where}`,
    "Take the certificate that was issued for this key. While both files are being replaced, this passes by itself.",
  );
}

function checkUse(where: string, der: Uint8Array<ArrayBuffer>): void {
  const { subject, isCa } = readCertificate(der);
  if (isCa) {
    throw wrong(
      `${where} begins with "${subject}", which is a CA: agents take none for a server`,
      "Have that CA issue a certificate for the server, or make a self-signed one with basicConstraints CA:FALSE.",
    );
  }
  const usages = new x509.X509Certificate(der).getExtension(x509.ExtendedKeyUsageExtension)?.usages;
  if (!usages || usages.includes(x509.ExtendedKeyUsage.serverAuth)) return;
  throw wrong(
    `"${subject}" in ${where} is not meant for servers: its extended key usage lacks serverAuth`,
    "Ask the CA for a server certificate.",
  );
}

function checkTime(where: string, der: Uint8Array<ArrayBuffer>, now: number): void {
  const { subject, notBefore, notAfter } = readCertificate(der);
  if (now >= notBefore && now <= notAfter) return;
  const when = now < notBefore
    ? `is good only from ${isoTime(notBefore)} on`
    : `expired at ${isoTime(notAfter)}`;
  throw wrong(
    `"${subject}" in ${where} ${when}; it is now ${isoTime(now)}`,
    "Ask the CA for a new one. If the time is wrong, set this machine's clock.",
  );
}

function checkNames(
  where: string,
  der: Uint8Array<ArrayBuffer>,
  { hostnames, hosts }: CertificateNeeds,
): void {
  const { names, covers } = coverageOf(der);
  const missing = hostnames.filter((host) => !covers(host));
  if (missing.length === 0 && hosts.some(covers)) return;
  const its = names.length > 0 ? names.join(", ") : "no name at all: only subject alternative names count";
  throw wrong(
    missing.length > 0
      ? `${where} is not good for ${missing.join(", ")}, which --hostname names; it is good for ${its}`
      : `${where} is good for none of the platform's names, ${hosts.join(", ")}; it is good for ${its}`,
    "Start with --hostname and a name that agents use and the certificate has, or ask the CA for one with that name.",
  );
}

function wrong(message: string, remedy: string, cause?: unknown): SallyportError {
  return new SallyportError("usage", message, { remedy, cause });
}
