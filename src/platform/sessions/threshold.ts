import { asSallyportError, messageOf } from "../../base/errors.ts";
import { CLOSE } from "../../protocol/closing.ts";
import type { Context } from "../context.ts";
import { admit } from "./admission.ts";
import { enrolmentSession } from "./enrolment.ts";
import { prove } from "./proof.ts";
import { noteKnock, recoverySession, whyNotRecovered } from "./recovery.ts";
import { Session } from "./session.ts";
import type { Visit } from "./visit.ts";
import type { Receiver, Wire } from "./wire.ts";

/**
 * What stands before a session: the proof, where this connection is the one to be proved, and the look at the
 * certificate. Then the session, or a refusal in words.
 */
export class Threshold implements Receiver {
  readonly #wire: Wire;
  readonly #visit: Visit;
  readonly #context: Context;
  #session: Receiver | undefined;

  constructor(wire: Wire, visit: Visit, context: Context) {
    this.#wire = wire;
    this.#visit = visit;
    this.#context = context;
  }

  async open(): Promise<void> {
    const { path, challenge } = this.#visit;
    const isEnrolment = path === "/v1/enroll";
    // A plain OpAMP agent knows no proof, but nobody enrols without one. Polls were proved before they got here.
    if (this.#wire.transport === "websocket" && (isEnrolment || challenge !== undefined)) {
      this.#wire.send({ customMessage: await prove(this.#visit, this.#context) });
    }
    const session = isEnrolment
      ? enrolmentSession(this.#wire, this.#visit, this.#context)
      : await this.#admit();
    await session?.open();
    this.#session = session;
  }

  async #admit(): Promise<Receiver | undefined> {
    const { peer, from, isProbe } = this.#visit;
    const { certificate, refusal, expired } = await admit(peer, this.#context);
    const no = expired ? await whyNotRecovered(expired, this.#context) : refusal;
    if (no) {
      this.#warn(no.words);
      if (expired && !isProbe) await noteKnock(expired, no, this.#context);
      this.#wire.refuse(no.words, no.code);
    } else if (isProbe) this.#wire.close(CLOSE.normal, "the platform takes this agent");
    else if (certificate) return new Session(this.#wire, certificate, from, this.#context);
    else return recoverySession(this.#wire, expired!, this.#context);
    return undefined;
  }

  async message(frame: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#session?.message(frame);
  }

  failed(error: unknown): void {
    if (this.#session) return this.#session.failed(error);
    const { code, message } = asSallyportError(error);
    this.#warn(messageOf(error));
    if (code === "internal") return this.#wire.unavailable();
    this.#wire.refuse(message, CLOSE.badRequest);
  }

  async closed(code: number): Promise<void> {
    await this.#session?.closed(code);
  }

  #warn(reason: string): void {
    const { from, challenge } = this.#visit;
    this.#context.log.warn("refused a connection", { reason, from, challenge: challenge !== undefined });
  }
}
