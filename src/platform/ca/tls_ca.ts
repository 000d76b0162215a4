import { rootCertificates } from "node:tls";
import { SallyportError } from "../../base/errors.ts";
import { readTextIfThere } from "../../base/files.ts";
import { MAX_BUNDLE_CA_CHARS } from "../../base/limits.ts";
import { parseCaFile } from "../../trust/ca_file.ts";
import { leadsTo, readCertificate } from "../../trust/certificate.ts";
import { allFromPem } from "../../trust/keys.ts";

/**
 * What enrolment bundles tell agents to trust for TLS: CA certificates as PEM, or "public".
 *
 * @param wish "public" or the path of a file
 * @throws {SallyportError} `file.missing`, or `usage` when the file holds anything else or too much.
 */
export async function readTlsCa(wish: string): Promise<string> {
  if (wish === "public") return wish;
  const text = await readTextIfThere(wish);
  if (text === undefined) {
    throw new SallyportError("file.missing", `--tls-ca: there is no file ${wish}`, {
      remedy: 'Give the path of a PEM file with CA certificates, or "public".',
    });
  }
  const { cas, problems } = parseCaFile(text, () => true);
  if (problems.length > 0) {
    throw new SallyportError("usage", `--tls-ca: ${wish}: ${problems.join("; ")}`, {
      remedy:
        "The file must hold CA certificates in PEM, and nothing else: whole, with their first and last lines.",
    });
  }
  const ca = cas.map(({ pem }) => pem).join("");
  if (ca.length <= MAX_BUNDLE_CA_CHARS) return ca;
  const size = `${ca.length} characters in ${cas.length} certificates`;
  throw new SallyportError(
    "usage",
    `--tls-ca: ${wish} has ${size}, and a bundle takes ${MAX_BUNDLE_CA_CHARS}`,
    {
      remedy: "Leave only the root of the CA that issues the platform's certificate.",
    },
  );
}

/**
 * Checks that agents which trust `ca` will trust the server's certificate.
 *
 * @throws {SallyportError} `usage` when no signatures lead from it to that CA.
 */
export function requireTrusted(certificate: string, ca: string): void {
  const chain = allFromPem("CERTIFICATE", certificate);
  const cas = ca === "public" ? rootCertificates : allFromPem("CERTIFICATE", ca);
  if (cas.some((each) => leadsTo(chain, each))) return;
  const last = readCertificate(chain.at(-1)!);
  const named = ca === "public"
    ? "no public root"
    : `not ${allFromPem("CERTIFICATE", ca).map((der) => `"${readCertificate(der).subject}"`).join(" or ")}`;
  throw new SallyportError(
    "usage",
    `agents that enrol would not trust the platform: the chain of its certificate ends at "${last.subject}", issued ` +
      `by "${last.issuer}", which is ${named}`,
    {
      remedy:
        'With --tls-ca, name the CA that issued it: a file with the CA\'s root, or "public". If that is right, ' +
        "certificates are missing in --tls-certificate between the server's own and the root.",
    },
  );
}
