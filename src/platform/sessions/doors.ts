import type { IncomingMessage } from "node:http";
import { asSallyportError, messageOf } from "../../base/errors.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { CHALLENGE_HEADER, PROBE_HEADER } from "../../protocol/proof.ts";
import type { Context } from "../context.ts";
import type { AgentPath, Handlers } from "../server.ts";
import { admit } from "./admission.ts";
import { enrolmentSession } from "./enrolment.ts";
import type { Peer } from "./peer.ts";
import { peerOf } from "./peer.ts";
import { hasChallenge, sendProof } from "./proof.ts";
import { noteKnock, recoverySession, whyNotRecovered } from "./recovery.ts";
import { Session } from "./session.ts";
import type { Receiver } from "./wire.ts";
import { Wire } from "./wire.ts";

/** Takes an agent's upgrade request to the session that serves it, or refuses it in words. */
export function answerUpgrade(
  path: AgentPath,
  request: IncomingMessage,
  accept: Parameters<Handlers["agent"]>[2],
  context: Context,
): void {
  const peer = peerOf(request);
  // Everything is in place before the socket can bring its first message.
  accept((socket) => {
    const wire = new Wire(socket);
    if (!peer) {
      // Said inside the WebSocket: of a refused upgrade the agent's runtime shows neither status nor body.
      wire.serve(nobody);
      return wire.refuse(NO_CERTIFICATE, CLOSE.unknownIdentity);
    }
    wire.serve(
      path === "/v1/enroll"
        ? enrolmentSession(wire, request, peer, context)
        : new Threshold(wire, request, peer, context),
    );
  });
}

const NO_CERTIFICATE =
  "the connection has no client certificate, which is how agents say who they are: enrol the " +
  "agent, and look for a proxy that ends TLS on the way";

const nobody: Receiver = {
  open: () => Promise.resolve(),
  message: () => Promise.resolve(),
  failed() {},
  closed: () => Promise.resolve(),
};

/**
 * What stands before a session of `/v1/opamp`: the proof, if it was asked for, and the look at the
 * certificate. Then the session, or a refusal in words.
 */
class Threshold implements Receiver {
  readonly #wire: Wire;
  readonly #request: IncomingMessage;
  readonly #peer: Peer;
  readonly #context: Context;
  #session: Receiver | undefined;

  constructor(wire: Wire, request: IncomingMessage, peer: Peer, context: Context) {
    this.#wire = wire;
    this.#request = request;
    this.#peer = peer;
    this.#context = context;
  }

  async open(): Promise<void> {
    if (hasChallenge(this.#request)) await sendProof(this.#wire, this.#request, this.#peer, this.#context);
    const { certificate, refusal, expired } = await admit(this.#peer, this.#context);
    const no = expired ? await whyNotRecovered(expired, this.#context) : refusal;
    const isProbe = this.#request.headers[PROBE_HEADER] !== undefined;
    if (no) {
      this.#warn(no.words);
      if (expired && !isProbe) await noteKnock(expired, no, this.#context);
      return this.#wire.refuse(no.words, no.code);
    }
    if (isProbe) return this.#wire.close(CLOSE.normal, "the platform takes this agent");
    this.#session = certificate
      ? new Session(this.#wire, certificate, this.#peer.address, this.#context)
      : recoverySession(this.#wire, expired!, this.#context);
    await this.#session.open();
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
    const asked = this.#request.headers[CHALLENGE_HEADER] !== undefined;
    this.#context.log.warn("refused a connection", { reason, from: this.#peer.address, challenge: asked });
  }
}
