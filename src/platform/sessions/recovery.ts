import { isoTime } from "../../base/clock.ts";
import { asSallyportError, messageOf, SallyportError } from "../../base/errors.ts";
import { formatUuid, parseUuid } from "../../base/ids.ts";
import { SERVER_CAPABILITY } from "../../protocol/capabilities.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { AgentToServerSchema } from "../../protocol/generated/opamp_pb.ts";
import type { Context } from "../context.ts";
import type { CertificateRecord } from "../store/certificates.ts";
import type { Refusal } from "./admission.ts";
import { whyInvalid } from "./admission.ts";
import { certificateOffer, renewCertificate } from "./renewal.ts";
import type { Receiver, Wire } from "./wire.ts";

/** How agents with an expired certificate get a new one: by an operator's approval, or by themselves. */
export const RECOVERY_POLICIES = ["approve", "automatic"] as const;
export type RecoveryPolicy = (typeof RECOVERY_POLICIES)[number];

/** Long enough for one request; nothing else is served here. */
const DEADLINE_MS = 30_000;
const ONLY_THIS = "the client certificate has expired: only a request for a new certificate is served";

/**
 * How it stands with a new certificate for an agent whose own has expired: `waiting` for an operator's approval,
 * `granted`, for the asking, or `too late`, so that only another enrolment helps.
 */
export const RECOVERY_STATES = ["waiting", "granted", "too late"] as const;
export type RecoveryState = (typeof RECOVERY_STATES)[number];

/**
 * How it stands with the recovery of an agent whose certificate expired at `notAfter`. An approval counts for
 * certificates that had expired when it was given, so it never has to be taken back.
 */
export async function recoveryState(
  agent: string,
  notAfter: number,
  { clock, settings, store }: Pick<Context, "clock" | "settings" | "store">,
): Promise<RecoveryState> {
  const { policy, graceMs } = settings.recovery;
  if (clock.now() > notAfter + graceMs) return "too late";
  if (policy === "automatic") return "granted";
  const approvedAt = await store.recoveries.approvedAt(agent);
  return approvedAt !== undefined && approvedAt > notAfter ? "granted" : "waiting";
}

/** Why an agent may not have a new certificate for its expired one now; undefined when it may. */
export async function whyNotRecovered(
  { agent, notAfter }: CertificateRecord,
  context: Pick<Context, "clock" | "settings" | "store">,
): Promise<Refusal | undefined> {
  const state = await recoveryState(agent, notAfter, context);
  if (state === "granted") return undefined;
  const expired = `the client certificate expired at ${isoTime(notAfter)}; the platform's clock says ${
    isoTime(context.clock.now())
  }`;
  return state === "too late"
    ? {
      words: `${expired}: too long ago for a new certificate, so enrol the agent again`,
      code: CLOSE.expired,
    }
    : {
      words: `${expired}: waiting for approval of a new certificate, so ask the platform's operator`,
      code: CLOSE.recoverable,
    };
}

/** Keeps that an agent with an expired certificate was turned away, and tells those who can help it. */
export async function noteKnock(
  { agent: uid, agentName: name, notAfter }: CertificateRecord,
  { words: reason, code }: Refusal,
  { fleet, store, events }: Pick<Context, "fleet" | "store" | "events">,
): Promise<void> {
  const lastSeen = (await store.agents.get(uid))?.lastSeen;
  const isNews = fleet.knocked({ uid, name, lastSeen }, notAfter);
  if (isNews && code === CLOSE.recoverable) {
    events.emit("recovery", { id: uid, name, state: "waiting", reason });
  }
}

/**
 * Serves an agent whose certificate has expired: it gets a new one for the asking, and nothing else. It does not
 * count as online.
 */
export function recoverySession(wire: Wire, certificate: CertificateRecord, context: Context): Receiver {
  const { agent, agentName: name, fingerprint } = certificate;
  const { clock, settings, store } = context;
  const log = context.log.child({ agent, name });
  const frame = {
    instanceUid: parseUuid(agent)!,
    capabilities: SERVER_CAPABILITY.offersConnectionSettings |
      SERVER_CAPABILITY.acceptsConnectionSettingsRequest,
  };
  const cancelDeadline = clock.after(DEADLINE_MS, () => wire.refuse(ONLY_THIS, CLOSE.expired));
  return {
    open() {
      log.info("an agent with an expired certificate may ask for a new one");
      return Promise.resolve();
    },
    async message(bytes) {
      const message = decodeFrame(AgentToServerSchema, bytes);
      const { instanceUid, connectionSettingsRequest, customMessage, agentDisconnect } = message;
      if (instanceUid.length !== 16 || formatUuid(instanceUid) !== agent) {
        throw new SallyportError(
          "platform.protocol",
          "a message has another instance_uid than its certificate",
        );
      }
      if (agentDisconnect) return wire.close(CLOSE.normal, "goodbye");
      // It may have been revoked, or renewed elsewhere, since the door was opened.
      const now = await store.certificates.get(fingerprint);
      const invalid = now && whyInvalid({ ...now, notAfter: Infinity }, clock.now());
      if (!now || invalid) return wire.refuse(invalid?.words ?? ONLY_THIS, invalid?.code ?? CLOSE.revoked);
      const csr = connectionSettingsRequest?.opamp?.certificateRequest?.csr;
      if (csr) {
        const pem = await renewCertificate(agent, csr, context);
        return wire.send({ ...frame, connectionSettings: certificateOffer(pem, settings.heartbeatSeconds) });
      }
      if (customMessage) return wire.complain(ONLY_THIS);
      wire.send(frame);
    },
    failed(error) {
      const { code, message } = asSallyportError(error);
      log.warn("a recovery failed", { reason: messageOf(error) });
      if (code === "platform.protocol") return wire.refuse(message, CLOSE.badRequest);
      wire.unavailable();
    },
    closed() {
      cancelDeadline();
      return Promise.resolve();
    },
  };
}
