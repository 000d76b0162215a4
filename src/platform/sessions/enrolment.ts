import { sha256Hex } from "../../base/digest.ts";
import { isoTime } from "../../base/clock.ts";
import { asSallyportError, SallyportError } from "../../base/errors.ts";
import { uuidv7 } from "../../base/ids.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import type { EnrolmentCertificate, EnrolmentRequest } from "../../protocol/enrolment.ts";
import { enrolmentRequestSchema } from "../../protocol/enrolment.ts";
import { AgentToServerSchema } from "../../protocol/generated/opamp_pb.ts";
import { jsonMessage, readJsonMessage } from "../../protocol/messages.ts";
import { checkRequest, issueAgentCertificate } from "../../trust/certificate_authority.ts";
import { readCertificate } from "../../trust/certificate.ts";
import { agentValidity } from "../ca/identity.ts";
import type { Context } from "../context.ts";
import type { EnrolmentRecord } from "../store/enrolments.ts";
import type { Peer } from "./peer.ts";
import type { Visit } from "./visit.ts";
import type { Receiver, Wire } from "./wire.ts";

/** Anybody may knock here, so nobody may stand in the door for long. */
const DEADLINE_MS = 30_000;

/** Serves one connection to `/v1/enroll`, on which the platform has proved itself: request, certificate. */
export function enrolmentSession(wire: Wire, { peer, from }: Visit, context: Context): Receiver {
  const cancelDeadline = context.clock.after(DEADLINE_MS, () => {
    wire.refuse(`the enrolment was not done within ${DEADLINE_MS / 1_000} s`, CLOSE.badRequest);
  });
  return {
    open: () => Promise.resolve(),
    async message(frame) {
      const answer = await enrol(readRequest(frame), peer, context);
      wire.send({ customMessage: jsonMessage(CUSTOM.enrolment, "certificate", answer) });
    },
    failed(error) {
      const { code, message, remedy } = asSallyportError(error);
      if (code === "internal") {
        context.log.error("an enrolment failed", { reason: message, from });
        return wire.unavailable();
      }
      context.log.warn("refused an enrolment", { reason: message, from });
      wire.refuse(remedy ? `${message}. ${remedy}` : message, CLOSE.badRequest);
    },
    closed() {
      cancelDeadline();
      return Promise.resolve();
    },
  };
}

function readRequest(frame: Uint8Array<ArrayBuffer>): EnrolmentRequest {
  const { customMessage } = decodeFrame(AgentToServerSchema, frame);
  if (customMessage?.capability !== CUSTOM.enrolment || customMessage.type !== "request") {
    throw new SallyportError("platform.protocol", `only ${CUSTOM.enrolment} "request" is understood here`);
  }
  return readJsonMessage(customMessage, enrolmentRequestSchema);
}

/**
 * Uses an enrolment for the key that the peer proved in TLS. The same secret with the same key gets the same
 * answer again while the enrolment lives, so that a lost reply costs nothing.
 */
async function enrol(request: EnrolmentRequest, peer: Peer, context: Context): Promise<EnrolmentCertificate> {
  const { clock, log, store } = context;
  const requestKey = await checkRequest(request.csr);
  const publicKey = sha256Hex(new Uint8Array(await crypto.subtle.exportKey("spki", requestKey)));
  if (publicKey !== readCertificate(peer.der).publicKeyFingerprint) {
    throw refused("the certificate request is for another key than the connection's client certificate");
  }
  const secretHash = sha256Hex(request.secret);
  const enrolment = await store.enrolments.bySecretHash(secretHash);
  const before = checkEnrolment(enrolment, publicKey, clock.now());
  if (before) return before;

  const instanceUid = uuidv7(clock);
  const { answer, facts } = await issue(requestKey, instanceUid, enrolment!.name ?? request.name, context);
  const redeemed = await store.enrolments.redeem(
    enrolment!.id,
    { publicKey, answer, certificate: facts },
    clock.now(),
  );
  if (!redeemed) {
    // Another connection was faster: what it got counts.
    const now = await store.enrolments.bySecretHash(secretHash);
    return checkEnrolment(now, publicKey, clock.now())!;
  }
  context.fleet.enrolled(instanceUid, answer.name);
  log.info("enrolled an agent", { agent: instanceUid, name: answer.name, enrolment: enrolment!.id });
  return answer;
}

/** The answer given before, undefined when the enrolment is still unused; throws when it may not be used. */
function checkEnrolment(
  enrolment: EnrolmentRecord | undefined,
  publicKey: string,
  now: number,
): EnrolmentCertificate | undefined {
  if (!enrolment) throw refused("the platform does not know the bundle's secret");
  const { expiresAt, used } = enrolment;
  if (used && used.publicKey !== publicKey) throw refused("the bundle was already used, by another key");
  if (now > expiresAt) throw refused(`the bundle expired at ${isoTime(expiresAt)}`);
  return used?.answer;
}

async function issue(key: CryptoKey, instanceUid: string, name: string, context: Context) {
  const { clock, identity, settings } = context;
  const validity = agentValidity(clock.now(), settings.certificateLifeMs);
  const certificate = await issueAgentCertificate(identity.authority, key, instanceUid, validity);
  return { answer: { instanceUid, certificate, name }, facts: readCertificate(certificate) };
}

function refused(why: string): SallyportError {
  return new SallyportError("enrolment.refused", why, {
    remedy: "Make a new bundle on the platform (sallyportctl enrolment create) and enrol with that",
  });
}
