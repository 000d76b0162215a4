import { isoTime } from "../../base/clock.ts";
import { sha256, sha256Hex } from "../../base/digest.ts";
import { fromUtf8, utf8 } from "../../base/encoding.ts";
import { asSallyportError, SallyportError } from "../../base/errors.ts";
import { checkRequest, identityNamedBy, issueAgentCertificate } from "../../trust/certificate_authority.ts";
import { readCertificate } from "../../trust/certificate.ts";
import { agentValidity } from "../ca/identity.ts";
import type { Context } from "../context.ts";

/** No request for a P-256 key comes near this. */
const MAX_REQUEST_BYTES = 8_192;

/**
 * Issues the next certificate of an agent for its certificate request, PEM in, PEM out (OpAMP,
 * "CertificateRequest"). It is stored before it is given away, and the same request gets the same certificate
 * again, so that a lost reply costs nothing. The one in use stays good until the new one has been used.
 *
 * @throws {SallyportError} `platform.protocol` when the request is none, or names another identity.
 */
export async function renewCertificate(
  agent: string,
  csr: Uint8Array,
  { clock, identity, settings, store, log }: Pick<
    Context,
    "clock" | "identity" | "settings" | "store" | "log"
  >,
): Promise<string> {
  if (csr.length > MAX_REQUEST_BYTES) {
    throw refused(`it has ${csr.length} bytes; at most ${MAX_REQUEST_BYTES} are taken`);
  }
  const request = sha256Hex(new Uint8Array(csr));
  const before = await store.certificates.issuedFor(agent, request, clock.now());
  if (before) return before;
  const key = await keyOf(csr, agent);
  const validity = agentValidity(clock.now(), settings.certificateLifeMs);
  const pem = await issueAgentCertificate(identity.authority, key, agent, validity);
  const facts = readCertificate(pem);
  const counts = await store.certificates.add({ agent, request, pem, ...facts }, clock.now());
  log.info("issued a new certificate to an agent", {
    agent,
    expires: isoTime(facts.notAfter),
  });
  return counts;
}

/** The offer of a certificate: never with a key, a CA or an endpoint. */
export function certificateOffer(pem: string, heartbeatSeconds: number) {
  return {
    hash: sha256(`certificate=${readCertificate(pem).fingerprint}`),
    // OpAMP: an interval of 0 would turn heartbeats off, so the offer repeats it.
    opamp: { heartbeatIntervalSeconds: BigInt(heartbeatSeconds), certificate: { cert: utf8(pem) } },
  };
}

async function keyOf(csr: Uint8Array, agent: string): Promise<CryptoKey> {
  let pem: string;
  try {
    pem = fromUtf8(new Uint8Array(csr));
  } catch {
    throw refused("it is not PEM");
  }
  const key = await checkRequest(pem).catch((error) => {
    throw refused(asSallyportError(error).message);
  });
  const named = await identityNamedBy(pem);
  if (named !== undefined && named !== agent) throw refused(`it names the identity ${named}, not ${agent}`);
  return key;
}

function refused(why: string): SallyportError {
  return new SallyportError("platform.protocol", `the certificate request cannot be served: ${why}`);
}
