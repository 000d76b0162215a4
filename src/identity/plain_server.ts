import type { Clock } from "../base/clock.ts";
import { isoTime } from "../base/clock.ts";
import { uuidv7 } from "../base/ids.ts";
import { readCertificate } from "../trust/certificate.ts";
import { createOwnCertificate } from "../trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../trust/keys.ts";
import type { Enrolled } from "./enrol.ts";
import { requireUnenrolled } from "./enrol.ts";
import { storeIdentity } from "./identity.ts";

export interface PlainServerOptions {
  stateFolder: string;
  /** `host:port` of the server. */
  server: string;
  /** The CA of its certificate as PEM, or "public". */
  ca: string;
  /** What the operator calls this agent. */
  name: string;
  clock: Clock;
}

/**
 * Gives this home an identity of its own making, for an OpAMP server that knows neither enrolment nor proof: such a
 * server is whom TLS says that it is, and no more. Nothing is sent.
 *
 * @throws {SallyportError} `enrolment.already`
 */
export async function adoptPlainServer(options: PlainServerOptions): Promise<Enrolled> {
  const { stateFolder, server, ca, name, clock } = options;
  await requireUnenrolled(stateFolder);
  const keys = await generateKeyPair();
  const instanceUid = uuidv7(clock);
  const certificate = await createOwnCertificate(keys, instanceUid, clock.now());
  await storeIdentity(stateFolder, {
    key: await privateKeyToPem(keys.privateKey),
    certificate,
    enrolment: { platform: server, ca, proofKey: null, instanceUid, name, enrolledAt: isoTime(clock.now()) },
  }, clock);
  const { notAfter } = readCertificate(certificate);
  return { instanceUid, name, platform: server, certificateExpires: isoTime(notAfter) };
}
