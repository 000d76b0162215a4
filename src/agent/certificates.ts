import { fromBase64Url, utf8 } from "../base/encoding.ts";
import type { CertificateChannel } from "../channels/certificate.ts";
import { certificateChannel } from "../channels/certificate.ts";
import type { Credential } from "../identity/candidate.ts";
import type { Identity } from "../identity/identity.ts";
import { Renewer } from "../identity/renewer.ts";
import type { Signer } from "../ledger/statement.ts";
import { CLOSE } from "../protocol/closing.ts";
import { signWith } from "../trust/signature.ts";
import type { Ending } from "../uplink/ending.ts";
import type { MessageParts, UplinkIdentity } from "../uplink/uplink.ts";
import type { AgentContext } from "./home.ts";
import { STATE_FOLDER } from "./home.ts";
import type { PlatformTime } from "./platform_time.ts";
import type { RenewalRequests } from "./renewal_request.ts";
import type { StateGuard } from "./state_guard.ts";

export interface CertificatesOptions extends AgentContext {
  identity: Identity;
  time: PlatformTime;
  /** What a person on this machine asks for. */
  requests: RenewalRequests;
  guard: StateGuard;
  isConnected(): boolean;
  /** Sends a message about the agent itself, if somebody is connected. */
  send(parts: MessageParts): void;
  /** Makes the next connection, at once, as this. */
  use(identity: UplinkIdentity): void;
  /** Called when there is something new to tell. */
  onChange(): void;
  /** Told of the next certificate (PEM) while the key of the current one is still there. */
  succeeding(certificate: string): void;
}

/** The agent's certificate in its several rooms: on disk, in offers, and on the connection. */
export interface Certificates {
  channel: CertificateChannel;
  /** What the first connection is made with. */
  first: UplinkIdentity;
  expires(): number;
  /** Takes up what a person has asked for since it was called last. */
  takeRequest(): void;
  /** Signs as the agent, with the key of this moment. */
  signer(): Signer;
  /** The platform has answered on a connection that shows this certificate. */
  answered(certificate: string): void;
  /** A connection that showed this certificate ended. */
  ended(certificate: string, ending: Ending): void;
  stop(): Promise<void>;
}

/** Refusals that are about the certificate, so that another may be welcome. */
const ABOUT_CERTIFICATE: ReadonlySet<unknown> = new Set([
  CLOSE.unknownIdentity,
  CLOSE.revoked,
  CLOSE.expired,
  CLOSE.retired,
  CLOSE.recoverable,
]);

const NOT_CONNECTED = {
  code: "platform.unreachable",
  reason: "the agent is not connected to the platform, so nobody can renew its certificate",
} as const;
const TAKES_NO_REQUESTS = {
  code: "platform.refused",
  reason: "the platform takes no requests for certificates",
} as const;

/** Joins the renewal of the certificate with the channel and the connection. */
export async function createCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { identity, requests, guard, isConnected, clock, time, log, send, use, onChange, succeeding } =
    options;
  const { platform: authority, instanceUid, ca, proofKey } = identity.enrolment;
  const as = ({ key, certificate }: Credential): UplinkIdentity => ({
    authority,
    instanceUid,
    ca,
    certificate,
    key,
    proofKey: proofKey === null ? undefined : fromBase64Url(proofKey),
  });
  const renewer = await Renewer.open({
    stateFolder: STATE_FOLDER,
    identity,
    clock,
    platformNow: () => time.now() ?? clock.now(),
    log,
    ask(request) {
      if (!channel.mayAsk) return;
      send({ connectionSettingsRequest: { opamp: { certificateRequest: { csr: utf8(request) } } } });
    },
    use: (credential) => use(as(credential)),
    report(status) {
      channel.report(status);
      const { state, reason } = status;
      if (state === "applying") return;
      const failure = state === "failed" ? { code: "platform.refused" as const, reason } : undefined;
      guard.insist("answering a request for a new key", () => requests.answer(failure));
    },
    succeeding,
  });
  const channel = certificateChannel({
    authority,
    instanceUid,
    renewer,
    platformNow: () => time.now(),
    log,
    onChange,
  });
  return {
    channel,
    first: as(renewer.first),
    expires: () => renewer.validity.notAfter,
    takeRequest: () =>
      guard.insist("taking a request for a new key", () => {
        if (!requests.take()) return;
        if (isConnected() && channel.mayAsk) return renewer.renew();
        requests.answer(isConnected() ? TAKES_NO_REQUESTS : NOT_CONNECTED);
      }),
    signer() {
      const { key, certificate } = renewer.current;
      return { certificate, sign: (data) => signWith(key, data) };
    },
    answered: (certificate) => renewer.answered(certificate),
    ended(certificate, { error, planned }) {
      if (planned) return;
      renewer.ended(certificate, ABOUT_CERTIFICATE.has(error.facts.closeCode), error.message);
    },
    stop: () => renewer.stop(),
  };
}
