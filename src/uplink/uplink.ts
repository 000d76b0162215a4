import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Backoff } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { parseUuid, randomToken } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import { SERVER_FLAG } from "../protocol/capabilities.ts";
import { CLOSE } from "../protocol/closing.ts";
import { decodeFrame } from "../protocol/codec.ts";
import type {
  AgentToServer,
  ConnectionSettingsOffers,
  ServerToAgent,
} from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../protocol/generated/opamp_pb.ts";
import { readCertificate } from "../trust/certificate.ts";
import type { Ending } from "./ending.ts";
import { endingOf, endingOfClose } from "./ending.ts";
import { presumedlySentAt, requireProof } from "./proof.ts";
import type { SessionAction, SessionEvent, SessionState } from "./session.ts";
import { nextDeadline, openedSession, step } from "./session.ts";
import type { OpenSocket, Socket, Transport } from "./socket.ts";
import type { Witness } from "./witness.ts";

/** Who this agent is to the platform, and whom it trusts. */
export interface UplinkIdentity {
  authority: string;
  instanceUid: string;
  ca: string;
  certificate: string;
  key: string;
  /** The platform's pinned key; undefined for an OpAMP server that knows no proof. */
  proofKey: Uint8Array<ArrayBuffer> | undefined;
}

/** The parts of a message that the agent fills in; the uplink adds identity, capabilities and number. */
export type MessageParts = Omit<
  Exclude<MessageInitShape<typeof AgentToServerSchema>, AgentToServer>,
  "instanceUid" | "sequenceNum" | "capabilities"
>;

/** What the rest of the agent does when something happens on the connection. */
export interface UplinkListener {
  /** The platform is proved, and its proof tells its clock minus this machine's, in milliseconds. */
  proved(clockOffsetMs: number): void;
  /** The platform is proved: send everything that it should know. Also when it asks for that again. */
  greet(): void;
  /** The platform has answered for the first time on this connection, which shows this certificate (PEM). */
  ready(certificate: string, transport: Transport): void;
  /** A heartbeat is due. */
  heartbeat(): void;
  /** A message of the platform; what concerns the connection itself was taken care of. */
  message(message: ServerToAgent): void;
  /** The agent is stopping and the connection still stands: the last chance to send. */
  farewell(): void;
  /** The connection, which showed this certificate (PEM) or was to, is gone, and why. */
  closed(ending: Ending, certificate: string): void;
}

export interface UplinkOptions {
  identity: UplinkIdentity;
  /** OpAMP capability bits; they stand in every message. */
  capabilities: bigint;
  open: OpenSocket;
  clock: Clock;
  log: Log;
  backoff: Backoff;
  /** The interval until the platform offers another. */
  heartbeatMs: number;
  /** Why an offer of connection settings is refused, all of it; undefined when it is taken. */
  whyRefused?(offer: ConnectionSettingsOffers): string | undefined;
  /** Names who it was that answered, where that is not the platform. */
  witness?: Witness;
  listener: UplinkListener;
}

/** A session that lasted this long was a success: the next failure starts with short waits again. */
const LASTING_MS = 60_000;

/** Between two answers to a platform that asks for the whole state. */
const FULL_STATE_MS = 1_000;
/** How long a goodbye may take on a connection that may be dead. */
const FAREWELL_MS = 2_000;
/** A platform that offers a longer interval would not see an outage within any useful time. */
const MAX_HEARTBEAT_SECONDS = 3_600;

interface Connection {
  socket: Socket;
  certificate: string;
  state: SessionState;
  /** The custom capabilities that the platform has declared. */
  takes: ReadonlySet<string>;
  end: (ending: Ending) => void;
  cancelTimer: () => void;
  /** When the platform got the whole state because it asked for it. */
  fullStateAt: number;
  cancelFullState: (() => void) | undefined;
}

/** The one connection to the platform, kept up for as long as the agent runs. */
export class Uplink {
  readonly #options: UplinkOptions;
  #identity: UplinkIdentity;
  #connection: Connection | undefined;
  #heartbeatMs: number;
  /** Aborted when the wait for the next try is over before its time. */
  #hurry = new AbortController();

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#heartbeatMs = options.heartbeatMs;
  }

  /** Whether messages can be sent now. */
  get ready(): boolean {
    return this.#connection?.state.phase === "ready";
  }

  /** Whether the platform takes custom messages of this capability (OpAMP, "CustomCapabilities"). */
  takes(capability: string): boolean {
    return this.#connection?.takes.has(capability) ?? false;
  }

  /** A message with its identity and its number: what will be sent, to be judged and written down first. */
  compose(parts: MessageParts): AgentToServer {
    return create(AgentToServerSchema, {
      ...parts,
      capabilities: this.#options.capabilities,
      instanceUid: parseUuid(this.#identity.instanceUid)!,
      sequenceNum: this.#connection?.state.nextSequence ?? 0n,
    });
  }

  /** Sends a composed and encoded message. The pump is the only caller. Returns false when nobody is there. */
  send(frame: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#connection) return false;
    this.#advance(this.#connection, { type: "sent", at: this.#options.clock.monotonic() });
    this.#connection.socket.send(frame);
    return true;
  }

  /** Connects anew as this: at once where a connection stands, and before its time where a wait goes on. */
  reconnectAs(identity: UplinkIdentity): void {
    this.#identity = identity;
    this.#hurry.abort();
    const error = new SallyportError("platform.unreachable", "the connection is made anew by this agent");
    this.#connection?.end({ error, minimumWaitMs: 0, planned: true });
  }

  /** Connects, serves, and connects again, until `signal` aborts. Never rejects for what the network does. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, backoff, listener } = this.#options;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const identity = this.#identity;
      this.#hurry = new AbortController();
      const ending = await this.#runOneCycle(identity, signal);
      if (!signal.aborted) ending.error = await this.#options.witness?.(ending.error, signal) ?? ending.error;
      listener.closed(ending, identity.certificate);
      if (signal.aborted) return;
      if (ending.planned) continue;
      if (clock.monotonic() - startedAt >= LASTING_MS) backoff.reset();
      const waitMs = backoff.next(ending.minimumWaitMs);
      const { code, message, remedy, facts } = ending.error;
      log.warn("not connected", { ...facts, code, reason: message, remedy, retryInMs: Math.round(waitMs) });
      await sleep(clock, waitMs, AbortSignal.any([signal, this.#hurry.signal]));
      // Not at once: two identities that are both refused would take turns without a pause.
      if (this.#hurry.signal.aborted) await sleep(clock, backoff.next(), signal);
    }
  }

  /** The life of one connection. Compare opamp-go, `client/wsclient.go`, `runOneCycle`. */
  async #runOneCycle(identity: UplinkIdentity, signal: AbortSignal): Promise<Ending> {
    const { open, clock, listener } = this.#options;
    const { authority, ca, certificate, key, proofKey } = identity;

    // 1. Open the connection, with the challenge in its header and nothing else.
    const challenge = proofKey && randomToken(32);
    let socket: Socket;
    try {
      socket = await open({ authority, path: "/v1/opamp", ca, certificate, key, challenge }, signal);
    } catch (error) {
      return endingOf(error);
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
    const openedAt = clock.monotonic();
    const state = openedSession(this.#heartbeatMs, openedAt);
    const connection: Connection = {
      socket,
      certificate,
      state,
      takes: new Set(),
      end,
      cancelTimer: () => {},
      fullStateAt: -Infinity,
      cancelFullState: undefined,
    };
    this.#connection = connection;
    this.#armTimer(connection);

    // 2. Take the messages one after another. The first has to be the proof, and its check takes a moment.
    let queue = Promise.resolve();
    let refusal: ServerToAgent["errorResponse"];
    let clockOffsetMs: number | undefined;
    const receive = async (frame: Uint8Array) => {
      if (connection.state.phase === "proving") {
        const sentAt = presumedlySentAt(openedAt, clock);
        const clientFingerprint = readCertificate(certificate).fingerprint;
        const pinned = { authority, challenge: challenge!, clientFingerprint, proofKey: proofKey! };
        const proof = await requireProof(frame, pinned);
        socket.proved(proof);
        clockOffsetMs = proof.time - sentAt;
        listener.proved(clockOffsetMs);
        return this.#advance(connection, { type: "proved", at: clock.monotonic() });
      }
      const message = decodeFrame(ServerToAgentSchema, frame);
      refusal = message.errorResponse ?? refusal;
      this.#serve(connection, message);
    };
    const inTurn = (work: () => void | Promise<void>) => {
      queue = queue.then(work).catch((error) => end(endingOf(error)));
    };
    socket.listen({
      message: (frame) => inTurn(() => receive(frame)),
      more: () => inTurn(() => this.#advance(connection, { type: "asked" })),
      closed: (how) => inTurn(() => end(endingOfClose(how, refusal, clockOffsetMs))),
    });

    // 3. A server that knows no proof speaks only when spoken to: greet it at once.
    if (!proofKey) this.#advance(connection, { type: "proved", at: clock.monotonic() });

    // 4. Serve until it ends by itself, or until the agent stops and says goodbye. The close handshake shows that
    //    the goodbye has left this machine: ending the program before that would lose it.
    let cancelFarewell = () => {};
    const stop = () => {
      const stopped = { code: CLOSE.normal, reason: "the agent is stopping" };
      if (connection.state.phase !== "ready") return end(endingOfClose(stopped));
      listener.farewell();
      socket.close(stopped.code, stopped.reason);
      cancelFarewell = clock.after(FAREWELL_MS, () => end(endingOfClose(stopped)));
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const ending = await ended;

    // 5. Leave nothing behind: no timer, no half-open socket.
    signal.removeEventListener("abort", stop);
    cancelFarewell();
    connection.cancelTimer();
    connection.cancelFullState?.();
    connection.state = step(connection.state, { type: "closed" })[0];
    this.#connection = undefined;
    socket.close(ending.planned ? CLOSE.returning : CLOSE.normal, "");
    return ending;
  }

  /** Takes care of what concerns the connection itself, and passes the message on. */
  #serve(connection: Connection, message: ServerToAgent): void {
    const { log, listener, clock } = this.#options;
    if (connection.state.phase === "closed") return;
    if (message.errorResponse) {
      this.#advance(connection, { type: "complained" });
      log.warn("the platform refused a message", { reason: message.errorResponse.errorMessage });
      return; // OpAMP: error_response excludes the other fields
    }
    if (message.customCapabilities) connection.takes = new Set(message.customCapabilities.capabilities);
    this.#advance(connection, { type: "received", at: clock.monotonic() });
    const offer = message.connectionSettings;
    const isRefused = offer !== undefined && this.#options.whyRefused?.(offer) !== undefined;
    const offeredSeconds = isRefused ? 0n : offer?.opamp?.heartbeatIntervalSeconds ?? 0n;
    if (offeredSeconds > 0n) {
      this.#heartbeatMs = Math.min(Number(offeredSeconds), MAX_HEARTBEAT_SECONDS) * 1000;
      this.#advance(connection, { type: "heartbeat-offered", heartbeatMs: this.#heartbeatMs });
    }
    if (message.flags & SERVER_FLAG.reportFullState) this.#tellEverything(connection);
    listener.message(message);
  }

  /** State may be coalesced: a platform that asks for all of it again and again gets it once a second. */
  #tellEverything(connection: Connection): void {
    const { clock, listener } = this.#options;
    connection.cancelFullState ??= clock.after(
      connection.fullStateAt + FULL_STATE_MS - clock.monotonic(),
      () => {
        connection.cancelFullState = undefined;
        connection.fullStateAt = clock.monotonic();
        listener.greet();
      },
    );
  }

  #advance(connection: Connection, event: SessionEvent): void {
    const [state, actions] = step(connection.state, event);
    connection.state = state;
    for (const action of actions) this.#perform(connection, action);
    this.#armTimer(connection);
  }

  #perform(connection: Connection, action: SessionAction): void {
    const { listener } = this.#options;
    switch (action.do) {
      case "greet":
        return listener.greet();
      case "announce-ready":
        return listener.ready(connection.certificate, connection.socket.transport);
      case "send-heartbeat":
        return listener.heartbeat();
      case "give-up":
        return connection.end(
          endingOf(new SallyportError("platform.unreachable", action.reason, { retryable: true })),
        );
    }
  }

  #armTimer(connection: Connection): void {
    const { clock } = this.#options;
    connection.cancelTimer();
    const deadline = nextDeadline(connection.state);
    if (deadline === undefined) return;
    connection.cancelTimer = clock.after(
      deadline - clock.monotonic(),
      () => this.#advance(connection, { type: "time", at: clock.monotonic() }),
    );
  }
}
