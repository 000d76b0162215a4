import { isoTime } from "../../base/clock.ts";
import { asSallyportError, messageOf, SallyportError } from "../../base/errors.ts";
import { formatUuid, parseUuid } from "../../base/ids.ts";
import { SERVER_CAPABILITY } from "../../protocol/capabilities.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { AgentToServerSchema } from "../../protocol/generated/opamp_pb.ts";
import type { Context } from "../context.ts";
import type { CertificateRecord } from "../store/certificates.ts";
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
 * Why an agent may not have a new certificate for its expired one now; undefined when it may. An approval counts
 * for certificates that had expired when it was given, so it never has to be taken back.
 */
export async function whyNotRecovered(
  { agent, notAfter }: CertificateRecord,
  { clock, settings, store }: Pick<Context, "clock" | "settings" | "store">,
): Promise<string | undefined> {
  const expired = `the client certificate expired at ${isoTime(notAfter)}; the platform's clock says ${
    isoTime(clock.now())
  }`;
  if (clock.now() > notAfter + settings.recovery.graceMs) {
    return `${expired}: too long ago for a new certificate, so enrol the agent again`;
  }
  if (settings.recovery.policy === "automatic") return undefined;
  const approvedAt = await store.recoveries.approvedAt(agent);
  if (approvedAt !== undefined && approvedAt > notAfter) return undefined;
  return `${expired}: waiting for approval of a new certificate, so ask the platform's operator`;
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
