import { Backoff } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { DAY_MS, isoTime } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { CertificateFacts } from "../trust/certificate.ts";
import { readCertificate } from "../trust/certificate.ts";
import type { Candidate, CertificateOffer, Credential } from "./candidate.ts";
import { discardCandidate, keepOffer, loadCandidate, prepareCandidate } from "./candidate.ts";
import type { Identity } from "./identity.ts";
import { promoteCandidate } from "./identity.ts";
import type { Holder, RenewalAction, RenewalEvent, RenewalState } from "./renewal.ts";
import { dueTime, step, trying } from "./renewal.ts";

/** What became of an offer of connection settings. */
export interface OfferStatus {
  /** Hex. */
  hash: string;
  state: "applying" | "applied" | "failed";
  /** Why it failed. */
  reason: string;
}

/** From when to when a certificate is valid, milliseconds since 1970 UTC. */
export type Validity = Pick<CertificateFacts, "notBefore" | "notAfter">;

export interface RenewerOptions {
  stateFolder: string;
  identity: Identity;
  clock: Clock;
  /**
   * The platform's time, milliseconds since 1970 UTC: certificates live by it, however far this machine's clock is off.
   * It is asked for from the first answer of the platform on. Of one that proves nothing it is this machine's.
   */
  platformNow(): number;
  log: Log;
  /** A number in [0, 1): injected so that tests can choose it. */
  random?: () => number;
  /** Sends a certificate request, PEM, to a platform that takes them; nothing when nobody is connected. */
  ask(request: string): void;
  /** Makes the next connection, at once, with this. */
  use(credential: Credential): void;
  /** Told when something became of an offer. */
  report(status: OfferStatus): void;
  /**
   * Told of the certificate (PEM) that is about to take the place of the current one, while there still are both
   * keys. What throws is tried again, and until then the current one stays.
   */
  succeeding(certificate: string): void;
}

/** A platform that proves nothing tells no time, and this machine's clock may be set: it is read at least this often. */
const LOOK_MS = 600_000;

/** New keys that are wanted one after another are made no more often: a platform may ask without end. */
const REQUEST_EVERY_MS = 5_000;

/** Keeps the agent's certificate fresh: does, on disk and on the connection, what the state machine says. */
export class Renewer {
  readonly #options: RenewerOptions;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  #state: RenewalState;
  #current: Credential;
  #validity: Validity;
  /** Whether the platform has answered yet: nothing falls due before, since its time may not be known. */
  #met = false;
  /** When a certificate was asked for last, on the monotonic clock. */
  #askedAt = -Infinity;
  #candidate: Candidate | undefined;
  #problem: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};
  #stopped = false;

  private constructor(options: RenewerOptions, candidate: Candidate | undefined) {
    const { identity: { key, certificate, certificateFacts }, random = Math.random } = options;
    this.#options = options;
    this.#random = random;
    this.#current = { key, certificate };
    this.#validity = certificateFacts;
    this.#candidate = candidate;
    const life = certificateFacts.notAfter - certificateFacts.notBefore;
    this.#backoff = new Backoff({
      baseMs: Math.min(3_600_000, life / 50),
      capMs: Math.min(DAY_MS, life / 10),
      random,
    });
    if (candidate?.offer) this.#state = trying();
    else this.#state = { phase: "resting", dueAt: candidate ? 0 : dueTime(certificateFacts, random) };
  }

  /** Takes up what an earlier start left on disk. */
  static async open(options: RenewerOptions): Promise<Renewer> {
    return new Renewer(options, await loadCandidate(options.stateFolder));
  }

  /** What the first connection is to be made with. */
  get first(): Credential {
    return this.#credential(this.#state.phase === "trying" ? this.#state.as : "current");
  }

  /** The identity's key and certificate. */
  get current(): Credential {
    return this.#current;
  }

  /** From when to when the identity's certificate is valid. */
  get validity(): Validity {
    return this.#validity;
  }

  /** Why the last renewal failed, until one succeeds. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether a certificate for this key is asked for: SHA-256 of its SubjectPublicKeyInfo, hex. */
  isAskedFor(publicKeyFingerprint: string): boolean {
    return this.#candidate?.publicKeyFingerprint === publicKeyFingerprint;
  }

  /** Whether this is the identity's certificate already. */
  isInUse(certificate: string): boolean {
    return this.#current.certificate === certificate;
  }

  /** Makes a new key and renews the certificate now, or soon after the last time; one that is under way counts. */
  renew(): void {
    this.#enqueue(() => {
      const [now, at] = [this.#options.platformNow(), this.#options.clock.monotonic()];
      const waitMs = Math.max(0, this.#askedAt + REQUEST_EVERY_MS - at);
      return this.#take({ type: "wanted", now, at, notBefore: now + waitMs });
    });
  }

  /** The platform has answered on a connection that shows this certificate. */
  answered(certificate: string): void {
    this.#enqueue(async () => {
      this.#met = true;
      await this.#take({
        type: "answered",
        as: this.#holder(certificate),
        at: this.#options.clock.monotonic(),
      });
    });
  }

  /** A connection with this certificate ended; `refused`: because of the certificate. */
  ended(certificate: string, refused: boolean, reason: string): void {
    this.#enqueue(() => this.#take({ type: "ended", as: this.#holder(certificate), refused, reason }));
  }

  /** The platform offers a certificate for the candidate's key; the channel has looked at it. */
  offered(offer: CertificateOffer): void {
    this.#enqueue(async () => {
      if (this.#state.phase !== "asking" || !this.#candidate) return;
      await keepOffer(this.#options.stateFolder, offer);
      this.#candidate = { ...this.#candidate, offer };
      this.#options.report({ hash: offer.hash, state: "applying", reason: "" });
      await this.#take({ type: "offered" });
    });
  }

  /** Begins nothing more; resolves when what has begun is on disk. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#work;
  }

  #holder(certificate: string): Holder {
    return certificate === this.#candidate?.offer?.certificate ? "candidate" : "current";
  }

  #credential(as: Holder): Credential {
    const { key, offer } = this.#candidate ?? {};
    return as === "candidate" && key && offer ? { key, certificate: offer.certificate } : this.#current;
  }

  /** One thing after another: no two of them ever touch the disk at once. */
  #enqueue(task: () => Promise<void>): void {
    this.#work = this.#work.then(() => this.#stopped ? undefined : task()).catch((error) => {
      // The certificate in use stays as it is; what could not be done is tried again when it is due again.
      this.#problem = messageOf(error);
      this.#options.log.error("the renewal of the certificate broke off", { reason: this.#problem });
      if (this.#state.phase === "settling") this.#state = this.#candidate?.offer ? trying() : this.#rest(0);
    }).finally(() => this.#armTimer());
  }

  async #take(event: RenewalEvent): Promise<void> {
    const [state, actions] = step(this.#state, event);
    this.#state = state;
    for (const action of actions) await this.#perform(action);
  }

  async #perform(action: RenewalAction): Promise<void> {
    const { stateFolder, clock, use, ask, log } = this.#options;
    switch (action.do) {
      case "ask":
        this.#askedAt = clock.monotonic();
        this.#candidate ??= await prepareCandidate(stateFolder);
        return ask(this.#candidate.request);
      case "use":
        log.info("connecting with the other certificate", { certificate: action.as });
        return use(this.#credential(action.as));
      case "promote":
        return await this.#promote();
      case "abandon":
        return await this.#abandon(action.reason);
    }
  }

  async #promote(): Promise<void> {
    const { stateFolder, identity, log, report, succeeding } = this.#options;
    const { hash, certificate } = this.#candidate!.offer!;
    succeeding(certificate);
    await promoteCandidate(stateFolder, identity.enrolment);
    const facts = readCertificate(certificate);
    this.#current = this.#credential("candidate");
    this.#validity = facts;
    this.#candidate = undefined;
    this.#problem = undefined;
    this.#backoff.reset();
    log.info("the certificate was renewed", { expires: isoTime(facts.notAfter) });
    report({ hash, state: "applied", reason: "" });
    // A validity that lies in the past would make the new one due at once, and the next one as well.
    const earliest = this.#options.platformNow() + (facts.notAfter - facts.notBefore) / 3;
    await this.#take({ type: "settled", dueAt: Math.max(dueTime(facts, this.#random), earliest) });
  }

  async #abandon(reason: string): Promise<void> {
    const { stateFolder, log, report } = this.#options;
    const { hash } = this.#candidate!.offer!;
    await discardCandidate(stateFolder);
    this.#candidate = undefined;
    this.#problem = `the new certificate does not connect: ${reason}`;
    log.error("went back to the old certificate", { reason });
    report({ hash, state: "failed", reason: this.#problem });
    this.#state = this.#rest(this.#backoff.next(1_000));
  }

  #rest(waitMs: number): RenewalState {
    return { phase: "resting", dueAt: this.#options.platformNow() + waitMs };
  }

  #armTimer(): void {
    this.#cancelTimer();
    if (this.#stopped || !this.#met) return;
    const { clock, platformNow } = this.#options;
    const state = this.#state;
    const waitMs = state.phase === "resting"
      ? state.dueAt - platformNow()
      : state.phase === "asking"
      ? state.againAt - clock.monotonic()
      : undefined;
    if (waitMs === undefined) return;
    this.#cancelTimer = clock.after(Math.max(0, Math.min(waitMs, LOOK_MS)), () => {
      this.#enqueue(() => this.#take({ type: "time", now: platformNow(), at: clock.monotonic() }));
    });
  }
}
