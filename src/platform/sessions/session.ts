import { isoTime } from "../../base/clock.ts";
import { asSallyportError, messageOf, SallyportError } from "../../base/errors.ts";
import { formatUuid, parseUuid } from "../../base/ids.ts";
import { MAX_ERROR_CHARS } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { ANSWER_CLASSES, answerClassOf } from "../../protocol/answers.ts";
import { attributesOf, START_ID } from "../../protocol/attributes.ts";
import { AGENT_FLAG, CUSTOM, SERVER_CAPABILITY, SERVER_FLAG } from "../../protocol/capabilities.ts";
import type { Renew } from "../../protocol/certificate.ts";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import type { AgentDescription, AgentToServer, CustomMessage } from "../../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ConnectionSettingsStatuses } from "../../protocol/generated/opamp_pb.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { Context } from "../context.ts";
import type { RecordSender } from "../ingest/records.ts";
import { ingestRecords, RECORD_CAPABILITIES } from "../ingest/records.ts";
import type { Health } from "../store/agents.ts";
import type { CertificateRecord } from "../store/certificates.ts";
import { whyInvalid } from "./admission.ts";
import { noteCheckpoint } from "./checkpoints.ts";
import { conditionsIn } from "./conditions.ts";
import type { LiveSession } from "./fleet.ts";
import { Offers } from "./offers.ts";
import type { OfflineReason } from "./presence.ts";
import { shownReason } from "./presence.ts";
import { certificateOffer, renewCertificate } from "./renewal.ts";
import { whyNotRecovered } from "./recovery.ts";
import { readReport } from "./report.ts";
import { Silence } from "./silence.ts";
import type { Receiver, Transport, Wire } from "./wire.ts";

/** How long a stopping platform waits for an agent to answer its farewell. */
const FAREWELL_MS = 2_000;
/** How long an agent that said that it comes back at once is not missed: time for a handshake on a slow line. */
const RETURN_MS = 5_000;

const CAPABILITIES = SERVER_CAPABILITY.acceptsStatus | SERVER_CAPABILITY.offersRemoteConfig |
  SERVER_CAPABILITY.acceptsEffectiveConfig | SERVER_CAPABILITY.offersConnectionSettings |
  SERVER_CAPABILITY.acceptsConnectionSettingsRequest;
const CUSTOM_CAPABILITIES = [
  ...RECORD_CAPABILITIES,
  CUSTOM.certificate,
  ...ANSWER_CLASSES.map((name) => CUSTOM[name]),
];

/** One connection of an admitted agent to `/v1/opamp`, from its first message to its end. */
export class Session implements Receiver, LiveSession, RecordSender {
  readonly uid: string;
  readonly name: string;
  /** From where the agent connects. */
  readonly address: string;
  readonly #wire: Wire;
  readonly #certificate: CertificateRecord;
  readonly #context: Context;
  readonly #offers: Offers;
  readonly #log: Log;
  readonly #closed = Promise.withResolvers<void>();
  /** Whether a message came. */
  #arrived = false;
  /** The start of the agent that described itself last. */
  #start: string | undefined;
  #sequence: bigint | undefined;
  /** Whether the agent has introduced itself and got its first answer. */
  #introduced = false;
  /** The custom capabilities that the agent has declared: only messages of these may be sent to it. */
  #customCapabilities: readonly string[] = [];
  /** What the agent said last of its own health. */
  #status: string | undefined;
  /** What it said last is wrong with it, as JSON. */
  #conditions = "[]";
  readonly #silence: Silence;
  #cancelExpiry = () => {};
  /** Ends the wait for an agent that comes back at once. */
  #stopExpecting: (() => void) | undefined;

  constructor(wire: Wire, certificate: CertificateRecord, address: string, context: Context) {
    this.uid = certificate.agent;
    this.name = certificate.agentName;
    this.address = address;
    this.#wire = wire;
    this.#certificate = certificate;
    this.#context = context;
    this.#offers = new Offers(this.uid, context.rollout, {
      heartbeatSeconds: context.settings.heartbeatSeconds,
      isPolled: wire.transport === "polling",
    });
    this.#log = context.log.child({ agent: this.uid, name: this.name });
    this.#silence = new Silence(context.clock, {
      overdue: () => context.fleet.suspect(this),
      gone: (silentMs) => {
        this.#offline("heartbeats missing");
        this.#wire.close(CLOSE.goingAway, `no message for ${silentMs / 1_000} s`);
      },
    });
  }

  get transport(): Transport {
    return this.#wire.transport;
  }

  async open(): Promise<void> {
    const agent = await this.#context.store.agents.get(this.uid);
    this.#offers.resume(agent?.config.hash ?? "");
    this.#conditions = JSON.stringify(conditionsIn(agent?.health));
    this.#silence.heard(this.#context.settings.heartbeatSeconds);
    this.#watchCertificate();
  }

  async message(frame: Uint8Array<ArrayBuffer>): Promise<void> {
    const message = decodeFrame(AgentToServerSchema, frame);
    if (await this.#refuseInvalid()) return;
    if (message.agentDescription) await this.#meet(message.agentDescription);
    if (!this.#arrived && !await this.#arrive()) return;
    this.#context.fleet.seen(this);
    if (Number(message.flags) & Number(AGENT_FLAG.requestInstanceUid)) return this.#identify();
    this.#checkUid(message);
    const isComplete = this.#takeSequence(message);
    await this.#keep(message);
    this.#silence.heard(this.#offers.heartbeatSeconds);
    if (message.customMessage) await this.#takeCustom(message.customMessage);
    await this.#takeSettings(message);
    if (message.agentDisconnect) return this.#goodbye();
    if (!isOnlyCustom(message)) await this.#reply(isComplete);
    if (message.customCapabilities) await this.#learnCustom(message.customCapabilities.capabilities);
  }

  failed(error: unknown): void {
    const { code, message } = asSallyportError(error);
    if (code === "platform.protocol" || code === "request.invalid") {
      return this.#refuse("protocol error", message, CLOSE.badRequest);
    }
    this.#log.error("a session failed", { reason: messageOf(error) });
    this.#wire.unavailable();
  }

  async closed(code: number): Promise<void> {
    this.#silence.stop();
    this.#cancelExpiry();
    this.#context.intake.left(this);
    const lost = () => this.#offline("connection lost");
    const { clock, fleet } = this.#context;
    if (code === CLOSE.returning && fleet.session(this.uid) === this) {
      this.#stopExpecting = clock.after(RETURN_MS, lost);
    } else lost();
    try {
      const { lastSeen } = this.#context.fleet.presenceOf({ uid: this.uid, enrolledAt: 0 });
      if (lastSeen !== undefined) await this.#context.store.agents.report(this.uid, {}, lastSeen);
    } finally {
      this.#closed.resolve(); // a platform that stops waits for this
    }
  }

  grant(credit: number): void {
    this.tell(jsonMessage(CUSTOM.tracking, "credit", { credit }));
  }

  supersede(): void {
    if (this.#stopExpecting) return this.#stopExpecting();
    const words = this.#context.clones.words(this.uid) ??
      "another connection came with the same identity and took over";
    this.#log.info("a session was taken over", { reason: words });
    this.#wire.refuse(words, CLOSE.superseded);
  }

  revoke(): void {
    this.#stopExpecting?.();
    this.#wire.refuse("the agent was revoked; ask the platform's operator", CLOSE.revoked);
  }

  async goAway(): Promise<void> {
    this.#offline("platform restarted");
    this.#wire.close(CLOSE.goingAway, "the platform is stopping");
    const cancel = this.#context.clock.after(FAREWELL_MS, () => this.#wire.cut());
    await this.#closed.promise;
    cancel();
  }

  async pushConfig(): Promise<void> {
    if (!this.#introduced) return; // its first answer brings it
    const offer = await this.#offers.config();
    if (offer.remoteConfig) this.#wire.send({ ...this.#frame(), ...offer });
  }

  async pushRotation(): Promise<void> {
    if (!this.speaks(CUSTOM.certificate)) return;
    const rotation = await this.#context.store.certificates.rotation(this.uid);
    if (!rotation || rotation.doneAt !== undefined) return;
    const renew: Renew = { requestedAt: isoTime(rotation.requestedAt) };
    this.tell(jsonMessage(CUSTOM.certificate, "renew", renew));
  }

  speaks(capability: string): boolean {
    return this.#customCapabilities.includes(capability);
  }

  tell(customMessage: CustomMessageInit): void {
    this.#wire.send({ ...this.#frame(), customMessage });
  }

  /** It repeats them with its full state: what it was told for them, it need not be told again. */
  async #learnCustom(capabilities: readonly string[]): Promise<void> {
    const isFirst = this.#customCapabilities.length === 0;
    this.#customCapabilities = capabilities;
    await this.pushRotation();
    if (isFirst) await this.#context.requests.connected(this);
  }

  /** Ends the session with its certificate, and not first when the agent says something again. */
  #watchCertificate(): void {
    const { clock } = this.#context;
    this.#cancelExpiry = clock.after(this.#certificate.notAfter + 1 - clock.now(), () => {
      this.#refuseInvalid().then(
        (isOver) => isOver || this.#watchCertificate(), // the wall clock was set back meanwhile
        (error) => this.failed(error),
      );
    });
  }

  /** Ends the session when its certificate has ended; true when it did. */
  async #refuseInvalid(): Promise<boolean> {
    const { clock } = this.#context;
    const invalid = whyInvalid(this.#certificate, clock.now());
    if (!invalid) return false;
    const { words, code } = await whyNotRecovered(this.#certificate, this.#context) ??
      { words: invalid.words, code: CLOSE.recoverable };
    this.#refuse("certificate expired", words, code);
    return true;
  }

  /** Trap 2 of the OpAMP notes: an identity is what the certificate says, on every message. */
  #checkUid({ instanceUid }: AgentToServer): void {
    const found = instanceUid.length === 16 ? formatUuid(instanceUid) : `${instanceUid.length} bytes`;
    if (found === this.uid) return;
    throw new SallyportError(
      "platform.protocol",
      `a message has the instance_uid ${found}, but its certificate is for ${this.uid}`,
    );
  }

  /** Whether no message is missing before this one; the first of a session must bring the full state. */
  #takeSequence({ sequenceNum, agentDescription }: AgentToServer): boolean {
    const follows = this.#sequence !== undefined && sequenceNum === this.#sequence + 1n;
    this.#sequence = sequenceNum;
    return follows || agentDescription !== undefined;
  }

  async #keep(message: AgentToServer): Promise<void> {
    const report = readReport(message);
    this.#status = report.health?.status ?? this.#status;
    this.#offers.learn(message, report);
    const { capabilities: _, ...said } = report;
    if (this.#introduced && Object.keys(said).length === 0) return; // a heartbeat costs no write
    await this.#context.store.agents.report(this.uid, report, this.#context.clock.now());
    if (report.attributes) await noteCheckpoint(this.uid, report.attributes, this.#context, this.#log);
    await this.#context.rollout.tell(this.uid);
    if (report.health) this.#tellHealth(report.health);
  }

  #tellHealth(health: Health): void {
    const conditions = conditionsIn(health);
    const text = JSON.stringify(conditions);
    if (text === this.#conditions) return;
    this.#conditions = text;
    this.#context.events.emit("health", { id: this.uid, name: this.name, conditions });
  }

  async #takeCustom(message: CustomMessage): Promise<void> {
    try {
      if (answerClassOf(message.capability)) return await this.#context.requests.take(this, message);
      this.tell(await ingestRecords(this, message, this.#context));
    } catch (error) {
      const { code, message: words } = asSallyportError(error);
      if (code !== "platform.protocol") throw error;
      this.#log.warn("refused a custom message", { reason: words });
      this.#wire.complain(words);
    }
  }

  /** Learns which start of the agent speaks. Two that poll share one session, and hear of each other by it. */
  async #meet(description: AgentDescription): Promise<void> {
    const attributes = attributesOf(description);
    await this.#context.clones.seen(this, attributes);
    const { [START_ID]: start } = attributes;
    const words = this.#start === undefined || this.#start === start
      ? undefined
      : this.#context.clones.words(this.uid);
    this.#start = start;
    if (words !== undefined) this.#wire.complain(words);
  }

  /** The first message shows that an agent is there, which a socket alone does not. False: it may not stay. */
  async #arrive(): Promise<boolean> {
    const { clock, fleet, store } = this.#context;
    const { fingerprint } = this.#certificate;
    this.#arrived = true;
    if (fleet.attach(this)) this.#log.info("agent online", { transport: this.transport });
    else this.#log.debug("agent connected anew");
    // It may have been revoked, or renewed elsewhere, since the door was opened.
    const certificate = await store.certificates.get(fingerprint);
    const invalid = certificate && whyInvalid(certificate, clock.now());
    if (invalid) {
      const reason = invalid.code === CLOSE.revoked ? "revoked" : "certificate expired";
      this.#refuse(reason, invalid.words, invalid.code);
      return false;
    }
    await this.#useCertificate();
    return true;
  }

  /** The certificate has carried a message: older ones of the agent are not needed any more. */
  async #useCertificate(): Promise<void> {
    const { clock, events, store } = this.#context;
    const now = clock.now();
    if (!await store.certificates.used(this.#certificate.fingerprint, now)) return;
    const rotation = await store.certificates.rotation(this.uid);
    if (rotation?.doneAt !== now) return;
    this.#log.info("the agent uses a new key, as was requested", { by: rotation.requestedBy });
    events.emit("key-rotation", { id: this.uid, name: this.name, state: "done" });
  }

  /** A request for the next certificate, and what became of settings that were offered. */
  async #takeSettings({ connectionSettingsRequest, connectionSettingsStatus }: AgentToServer): Promise<void> {
    const { status, errorMessage } = connectionSettingsStatus ?? {};
    if (status === ConnectionSettingsStatuses.ConnectionSettingsStatuses_FAILED) {
      const reason = errorMessage?.slice(0, MAX_ERROR_CHARS);
      this.#log.warn("the agent did not take the connection settings", { reason });
    }
    const csr = connectionSettingsRequest?.opamp?.certificateRequest?.csr;
    if (!csr) return;
    try {
      const pem = await renewCertificate(this.uid, csr, this.#context);
      const connectionSettings = certificateOffer(pem, this.#context.settings.heartbeatSeconds);
      this.#wire.send({ ...this.#frame(), connectionSettings });
    } catch (error) {
      const { code, message: words } = asSallyportError(error);
      if (code !== "platform.protocol") throw error;
      this.#log.warn("refused a certificate request", { reason: words });
      this.#wire.complain(words);
    }
  }

  async #reply(isComplete: boolean): Promise<void> {
    this.#wire.send({
      ...this.#frame(),
      ...(isComplete ? {} : { flags: SERVER_FLAG.reportFullState }),
      ...await this.#offers.config(),
      ...this.#offers.heartbeat(),
      ...(this.#introduced ? {} : { customCapabilities: { capabilities: CUSTOM_CAPABILITIES } }),
    });
    this.#introduced = true;
  }

  /** An agent may ask for its identity instead of knowing it. */
  #identify(): void {
    this.#wire.send({ ...this.#frame(), agentIdentification: { newInstanceUid: parseUuid(this.uid)! } });
  }

  #frame() {
    return { instanceUid: parseUuid(this.uid)!, capabilities: CAPABILITIES };
  }

  #goodbye(): void {
    this.#offline("stopped");
    this.#wire.close(CLOSE.normal, "goodbye");
  }

  #refuse(reason: OfflineReason, words: string, code: CloseCode): void {
    this.#log.warn("ended a session", { reason: words });
    this.#wire.refuse(words, code);
    this.#offline(reason);
  }

  #offline(ending: OfflineReason): void {
    this.#stopExpecting?.();
    if (this.#context.fleet.session(this.uid) !== this) return;
    const reason = shownReason(ending, this.#status);
    this.#context.fleet.detach(this, reason);
    this.#log.info("agent offline", { reason });
  }
}

/** Custom messages have answers of their own; everything else is a sign of life that waits for one. */
function isOnlyCustom(message: AgentToServer): boolean {
  return message.customMessage !== undefined && message.agentDescription === undefined &&
    message.health === undefined && message.effectiveConfig === undefined &&
    message.remoteConfigStatus === undefined && message.connectionSettingsStatus === undefined;
}
