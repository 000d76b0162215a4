import { isoTime } from "../base/clock.ts";
import { fromUtf8 } from "../base/encoding.ts";
import type { Log } from "../base/log.ts";
import { AGENT_CAPABILITY, CUSTOM, SERVER_CAPABILITY } from "../protocol/capabilities.ts";
import { renewSchema } from "../protocol/certificate.ts";
import type { ConnectionSettingsOffers, CustomMessage } from "../protocol/generated/opamp_pb.ts";
import { ConnectionSettingsStatuses } from "../protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { OfferStatus, Renewer } from "../identity/renewer.ts";
import { readCertificate } from "../trust/certificate.ts";
import type { Channel, ChannelCondition } from "./channel.ts";

const STATUS: Record<OfferStatus["state"], ConnectionSettingsStatuses> = {
  applying: ConnectionSettingsStatuses.ConnectionSettingsStatuses_APPLYING,
  applied: ConnectionSettingsStatuses.ConnectionSettingsStatuses_APPLIED,
  failed: ConnectionSettingsStatuses.ConnectionSettingsStatuses_FAILED,
};

/** `tls` and `proxy` of OpAMPConnectionSettings: this agent knows no such fields, and takes no such orders. */
const UNKNOWN_BUT_FORBIDDEN: Readonly<Record<number, string>> = { 5: "TLS settings", 6: "a proxy" };
const MAX_CERTIFICATE_BYTES = 16_384;
/** The last part of a certificate's life, in which it should have been renewed. */
const EXPIRING_PART = 1 / 4;

export interface CertificateChannelOptions {
  /** `host:port` of the platform. */
  authority: string;
  instanceUid: string;
  renewer: Pick<Renewer, "offered" | "renew" | "isAskedFor" | "isInUse" | "problem" | "validity">;
  /** The platform's time, by which certificates live; undefined while it is not known. */
  platformNow(): number | undefined;
  log: Log;
  /** Called when there is something new to tell. */
  onChange(): void;
}

export interface CertificateChannel extends Channel {
  /** Whether the platform that is connected takes certificate requests. */
  readonly mayAsk: boolean;
  /**
   * Why an offer of connection settings is not taken, none of it; undefined when it is. An offer may bring a
   * certificate for the key that one was asked for, and a heartbeat interval: nothing that moves the connection
   * or weakens it.
   */
  whyRefused(offer: ConnectionSettingsOffers): string | undefined;
  /** What became of an offer. */
  report(status: OfferStatus): void;
}

/** Certificate: the platform's offers of connection settings, judged before anything of them counts. */
export function certificateChannel(options: CertificateChannelOptions): CertificateChannel {
  const { renewer, log, onChange } = options;
  let status: OfferStatus | undefined;
  let mayAsk = false;
  let refused: string | undefined;
  const report = (news: OfferStatus) => {
    status = news;
    onChange();
  };
  const whyRefused = (offer: ConnectionSettingsOffers) => weaknessOf(offer, options);
  let lastRequest = "";
  const takeRequest = (message: CustomMessage) => {
    const { requestedAt } = readJsonMessage(message, renewSchema);
    // It comes in every session until it is fulfilled. After a failure the renewer knows when to try again.
    if (requestedAt === lastRequest && renewer.problem !== undefined) return;
    lastRequest = requestedAt;
    log.info("the platform asks for a new key", { requestedAt });
    renewer.renew();
  };
  return {
    name: "certificate",
    bits: AGENT_CAPABILITY.acceptsOpampConnectionSettings | AGENT_CAPABILITY.reportsConnectionSettingsStatus,
    custom: [CUSTOM.certificate],
    get mayAsk() {
      return mayAsk;
    },
    whyRefused,
    report,
    state: () =>
      status
        ? {
          connectionSettingsStatus: {
            lastConnectionSettingsHash: Uint8Array.fromHex(status.hash),
            status: STATUS[status.state],
            errorMessage: status.reason,
          },
        }
        : {},
    conditions: () => conditionsOf(options, refused),
    receive({ capabilities, connectionSettings, customMessage }) {
      if (capabilities) mayAsk = (capabilities & SERVER_CAPABILITY.acceptsConnectionSettingsRequest) !== 0n;
      if (customMessage?.capability === CUSTOM.certificate && customMessage.type === "renew") {
        takeRequest(customMessage);
      }
      if (!connectionSettings) return;
      const hash = connectionSettings.hash.toHex();
      const reason = whyRefused(connectionSettings);
      refused = reason;
      if (reason !== undefined) {
        log.error("refused an offer of connection settings", { reason });
        return report({ hash, state: "failed", reason });
      }
      const cert = connectionSettings.opamp?.certificate?.cert;
      const pem = cert?.length ? fromUtf8(new Uint8Array(cert)) : undefined;
      if (pem === undefined || renewer.isInUse(pem)) return report({ hash, state: "applied", reason: "" });
      renewer.offered({ hash, certificate: pem });
    },
  };
}

function conditionsOf(
  { renewer, platformNow }: CertificateChannelOptions,
  refused: string | undefined,
): ChannelCondition[] {
  const conditions: ChannelCondition[] = [];
  if (refused !== undefined) conditions.push({ code: "certificate.offer-refused", reason: refused });
  if (renewer.problem !== undefined) {
    conditions.push({ code: "certificate.renewal-failed", reason: renewer.problem });
  }
  const { notBefore, notAfter } = renewer.validity;
  if ((platformNow() ?? 0) > notAfter - (notAfter - notBefore) * EXPIRING_PART) {
    const reason = `it was to be renewed long before its end at ${isoTime(notAfter)}`;
    conditions.push({ code: "certificate.expiring", reason });
  }
  return conditions;
}

function weaknessOf(
  { opamp }: ConnectionSettingsOffers,
  options: CertificateChannelOptions,
): string | undefined {
  if (!opamp) return undefined;
  const { destinationEndpoint, headers, certificate, $unknown = [] } = opamp;
  if (certificate?.privateKey.length) return "it brings a private key; this agent makes its own";
  if (certificate?.caCert.length) return "it brings another CA; whom to trust came with the enrolment bundle";
  if (destinationEndpoint !== "" && destinationEndpoint !== `wss://${options.authority}/v1/opamp`) {
    return "it names another endpoint; this agent talks to the platform that it was enrolled at";
  }
  if (headers?.headers.length) return "it sets headers for the connection";
  for (const { no } of $unknown) {
    if (no in UNKNOWN_BUT_FORBIDDEN) return `it brings ${UNKNOWN_BUT_FORBIDDEN[no]} for the connection`;
  }
  return certificate?.cert.length ? whyUnfit(certificate.cert, options) : undefined;
}

function whyUnfit(
  cert: Uint8Array,
  { instanceUid, renewer }: CertificateChannelOptions,
): string | undefined {
  if (cert.length > MAX_CERTIFICATE_BYTES) return `its certificate has ${cert.length} bytes`;
  try {
    const pem = fromUtf8(new Uint8Array(cert));
    const facts = readCertificate(pem);
    if (facts.isCa) return "its certificate is one of a CA";
    if (facts.instanceUid !== instanceUid) {
      return `its certificate is for the identity ${
        facts.instanceUid ?? "of nobody"
      }, not for ${instanceUid}`;
    }
    if (renewer.isInUse(pem) || renewer.isAskedFor(facts.publicKeyFingerprint)) return undefined;
    return "its certificate is for another key than the one that was asked for";
  } catch {
    return "its certificate cannot be read";
  }
}
