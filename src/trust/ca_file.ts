import type { CertificateFacts } from "./certificate.ts";
import { readCertificate } from "./certificate.ts";
import { toPem } from "./keys.ts";

/** A CA that an operator wants TLS to trust. */
export interface OperatorCa {
  /** The certificate alone, PEM. */
  pem: string;
  facts: CertificateFacts;
}

/** What a file of CA certificates holds. */
export interface CaFile {
  cas: OperatorCa[];
  /** What is of no use in it, each with the block and the line where it begins. */
  problems: string[];
}

// A block ends at its end line, or where the next one begins, or with the text.
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)(-----END \1-----|(?=-----BEGIN )|$)/g;

/**
 * Reads PEM certificates (RFC 7468), one or many, with any text between them. A block that is of no use is named and
 * the others count: an agent that works by the first must not drop off because the second was pasted badly.
 *
 * @param isTaken whether the TLS stack takes a certificate as a root; PEM
 */
export function parseCaFile(text: string, isTaken: (pem: string) => boolean): CaFile {
  const file: CaFile = { cas: [], problems: [] };
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) file.problems.push("there is no certificate in it, in PEM");
  for (const [index, [, label, body, end]] of blocks.entries()) {
    const line = text.slice(0, blocks[index]!.index).split("\n").length;
    try {
      const ca = readBlock(label!, body!, end!);
      if (!isTaken(ca.pem)) throw new Error(`("${ca.facts.subject}") is refused by the runtime's TLS`);
      file.cas.push(ca);
    } catch (error) {
      file.problems.push(`block ${index + 1} (line ${line}) ${(error as Error).message}`);
    }
  }
  return file;
}

function readBlock(label: string, body: string, end: string): OperatorCa {
  if (label.endsWith("PRIVATE KEY")) throw new Error("is a private key; only certificates belong here");
  if (label !== "CERTIFICATE") throw new Error(`is a "${label}"; only a "CERTIFICATE" is understood`);
  if (end === "") throw new Error('lacks its last line, "-----END CERTIFICATE-----"');
  let der: Uint8Array<ArrayBuffer>;
  try {
    der = Uint8Array.fromBase64(body);
  } catch {
    throw new Error("is not base64: a character was lost or changed");
  }
  let facts: CertificateFacts;
  try {
    facts = readCertificate(der);
  } catch {
    throw new Error("cannot be read as a certificate");
  }
  // Old roots (version 1) do not say that they are CAs.
  if (!facts.isCa && facts.issuer !== facts.subject) {
    throw new Error(
      `is the certificate of "${facts.subject}", which is no CA; put that of "${facts.issuer}" in its place`,
    );
  }
  return { pem: toPem("CERTIFICATE", der), facts };
}
