import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { isoTime } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { readTextIfThere, writeAtomic } from "../base/files.ts";
import { MAX_CLOCK_OFFSET_MS } from "../base/limits.ts";
import type { EnrolmentCertificate, EnrolmentRequest } from "../protocol/enrolment.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import type { EnrolmentBundle } from "../trust/bundle.ts";
import { readCertificate } from "../trust/certificate.ts";
import { createProvisionalCertificate, createRequest } from "../trust/certificate_request.ts";
import { generateKeyPair, keyPairFromPem, privateKeyToPem } from "../trust/keys.ts";
import { isEnrolled, storeIdentity } from "./identity.ts";

/** What {@linkcode enrol} needs from outside. */
export interface EnrolOptions {
  stateFolder: string;
  bundle: EnrolmentBundle;
  /** What the operator calls this agent. */
  name: string;
  clock: Clock;
  /** Sends the request to the platform, over a connection made with this provisional certificate. */
  exchange(
    request: EnrolmentRequest,
    tls: { certificate: string; key: string },
  ): Promise<EnrolmentCertificate>;
}

/** What an enrolment gave. */
export interface Enrolled {
  instanceUid: string;
  name: string;
  platform: string;
  /** The end of the certificate's life, ISO 8601. */
  certificateExpires: string;
}

/**
 * Gives this home an identity: makes a key, asks the platform for a certificate, stores both. The key is on
 * disk before it is used, so after a lost answer or a crash the same command goes on where it was: the platform
 * knows the key again and gives the same certificate.
 *
 * @throws {SallyportError} `enrolment.already`, `bundle.expired`, `enrolment.refused`, and what the exchange
 * throws. The home is then as it was, but for the key.
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { stateFolder, bundle, name, clock, exchange } = options;
  await requireUnenrolled(stateFolder);
  // The platform is the judge, and this machine's clock may be off: only what it must refuse is not tried.
  if (Date.parse(bundle.expires) + MAX_CLOCK_OFFSET_MS <= clock.now()) {
    throw new SallyportError(
      "bundle.expired",
      `the enrolment bundle was good until ${bundle.expires}; it is now ${isoTime(clock.now())}`,
      {
        remedy: "Ask for a new bundle on the platform. If the time above is wrong, set this machine's clock.",
      },
    );
  }

  await Deno.mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const keys = await pendingKey(join(stateFolder, "enrolment-key.pem"));
  const key = await privateKeyToPem(keys.privateKey);
  const provisional = await createProvisionalCertificate(keys, clock.now());
  const request = { protocol: PROTOCOL_VERSION, secret: bundle.secret, csr: await createRequest(keys), name };
  const answer = await exchange(request, { certificate: provisional, key });

  const facts = readCertificate(answer.certificate);
  if (facts.publicKeyFingerprint !== readCertificate(provisional).publicKeyFingerprint) {
    throw notOurs("it is for another key than the one made here");
  }
  if (facts.instanceUid !== answer.instanceUid) {
    throw notOurs(`it names the identity ${facts.instanceUid}, not ${answer.instanceUid}`);
  }
  await storeIdentity(stateFolder, {
    key,
    certificate: answer.certificate,
    enrolment: {
      platform: bundle.platform,
      ca: bundle.ca,
      proofKey: bundle.proofKey,
      instanceUid: answer.instanceUid,
      name: answer.name,
      enrolledAt: isoTime(clock.now()),
    },
  }, clock);
  await Deno.remove(join(stateFolder, "enrolment-key.pem"));
  return {
    instanceUid: answer.instanceUid,
    name: answer.name,
    platform: bundle.platform,
    certificateExpires: isoTime(facts.notAfter),
  };
}

/** @throws {SallyportError} `enrolment.already` when this home has an identity. */
export async function requireUnenrolled(stateFolder: string): Promise<void> {
  if (!await isEnrolled(stateFolder)) return;
  throw new SallyportError("enrolment.already", "this home is enrolled already: state/identity is there", {
    remedy: "`sallyport status` shows where. To start over, move state/ away first; its ledger goes with it.",
  });
}

async function pendingKey(path: string): Promise<CryptoKeyPair> {
  const pem = await readTextIfThere(path);
  if (pem !== undefined) return await keyPairFromPem(pem);
  const keys = await generateKeyPair();
  await writeAtomic(path, await privateKeyToPem(keys.privateKey));
  return keys;
}

function notOurs(why: string): SallyportError {
  return new SallyportError(
    "enrolment.refused",
    `the certificate that the platform gave is of no use: ${why}`,
    {
      remedy: "Report this to whoever runs the platform; nothing was stored.",
    },
  );
}
