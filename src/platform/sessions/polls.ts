import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../base/clock.ts";
import { toBase64Url } from "../../base/encoding.ts";
import { asSallyportError, messageOf } from "../../base/errors.ts";
import { MAX_MESSAGE_BYTES } from "../../base/limits.ts";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE } from "../../protocol/closing.ts";
import { addHeader } from "../../protocol/codec.ts";
import { ServerToAgentSchema } from "../../protocol/generated/opamp_pb.ts";
import { encodeAnswer, PLAIN_TYPE, readBody, SEALED_TYPE, sealingContext } from "../../protocol/polling.ts";
import { generateSealingKeys, openSealed, SEALING_BYTES } from "../../trust/sealing.ts";
import type { Context } from "../context.ts";
import type { AgentPath } from "../server.ts";
import type { Answer } from "./polling_wire.ts";
import { PollingWire } from "./polling_wire.ts";
import { ownName, prove } from "./proof.ts";
import { Threshold } from "./threshold.ts";
import type { Visit } from "./visit.ts";
import { NO_CERTIFICATE, visitOf } from "./visit.ts";
import type { Outgoing } from "./wire.ts";

/** How long a refusal waits for the agent to ask again, so that it hears of it. */
const LINGER_MS = 600_000;
/** When an agent that the platform cannot serve now may ask again, in seconds. */
const RETRY_AFTER_SECONDS = 30;

/** An answer over HTTP. */
interface Reply {
  status: number;
  type: string;
  body: Uint8Array;
  headers?: Record<string, string>;
}

/** A request that cannot be served, in the status of its answer. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The agents that poll: what a POST to an agent's path brings, and what answers it (`protocol/polling.ts`). */
export class Polls {
  readonly #context: Context;
  readonly #wires = new Map<string, PollingWire>();
  #keys: ReturnType<typeof generateSealingKeys> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Serves one POST. */
  async answer(path: AgentPath, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const from = request.socket.remoteAddress;
    response.on("error", () => {}); // the agent is gone, and will ask again
    const { status, type, body, headers } = await this.#reply(path, request).catch((error) =>
      this.#refusal(error, from)
    );
    // What was not read of a body that is too large would else be taken for the next request.
    const close = status === 413 ? { "Connection": "close" } : {};
    response.writeHead(status, { "Content-Type": type, "Content-Length": body.length, ...headers, ...close });
    response.end(body);
  }

  async #reply(path: AgentPath, request: IncomingMessage): Promise<Reply> {
    const visit = visitOf(path, request);
    if (!visit) throw new Refused(401, NO_CERTIFICATE);
    if (visit.challenge !== undefined) return await this.#proof(visit);
    switch (request.headers["content-type"]) {
      case SEALED_TYPE:
        return await this.#sealed(visit, request);
      case PLAIN_TYPE:
        if (path === "/v1/opamp") return await this.#plain(visit, request);
    }
    throw new Refused(
      415,
      `a message to ${path} must be ${
        path === "/v1/opamp" ? `${PLAIN_TYPE} or ${SEALED_TYPE}` : SEALED_TYPE
      }`,
    );
  }

  /** The proof, with the key for what follows. Who asks for it begins a new session, unless it only looks. */
  async #proof(visit: Visit): Promise<Reply> {
    const { publicKey } = await this.#sealing();
    const customMessage = await prove(visit, this.#context, toBase64Url(publicKey));
    if (!visit.isProbe) this.#wires.delete(wireKey(visit));
    return { status: 200, type: PLAIN_TYPE, body: encode({ customMessage }) };
  }

  async #sealed(visit: Visit, request: IncomingMessage): Promise<Reply> {
    const sealed = await bodyOf(request, MAX_MESSAGE_BYTES + SEALING_BYTES);
    const authority = ownName(visit.host, this.#context.names);
    const { keys } = await this.#sealing();
    const context = sealingContext(visit.path, authority, visit.peer.fingerprint);
    const opened = await openSealed(keys, context, sealed).catch((cause) => {
      throw new Refused(409, "the message is sealed to another key: ask for a proof again", { cause });
    });
    const { message, more, closed = 0 } = await this.#take(visit, opened.body);
    const body = await opened.sealAnswer(encodeAnswer({ message: encode(message), more, closed }));
    return { status: 200, type: SEALED_TYPE, body };
  }

  async #plain(visit: Visit, request: IncomingMessage): Promise<Reply> {
    const { message, closed } = await this.#take(visit, await bodyOf(request, MAX_MESSAGE_BYTES));
    const status = plainStatus(closed);
    const headers = { "Retry-After": String(RETRY_AFTER_SECONDS) };
    const isForLater = status === 429 || status === 503;
    return { status, type: PLAIN_TYPE, body: encode(message), ...(isForLater ? { headers } : {}) };
  }

  async #take(visit: Visit, message: Uint8Array): Promise<Answer> {
    const wire = this.#wires.get(wireKey(visit)) ?? this.#begin(visit);
    const answer = await wire.take(addHeader(message));
    if (answer.closed !== undefined && !answer.more) this.#forget(visit, wire);
    return answer;
  }

  #begin(visit: Visit): PollingWire {
    const wire: PollingWire = new PollingWire((isRefusal) => {
      if (isRefusal) this.#clock.after(LINGER_MS, () => this.#forget(visit, wire));
      else this.#forget(visit, wire);
    });
    this.#wires.set(wireKey(visit), wire);
    wire.serve(new Threshold(wire, visit, this.#context));
    return wire;
  }

  #forget(visit: Visit, wire: PollingWire): void {
    if (this.#wires.get(wireKey(visit)) === wire) this.#wires.delete(wireKey(visit));
  }

  #refusal(error: unknown, from: string | undefined): Reply {
    const { code, message } = asSallyportError(error);
    const isTooLarge = code === "platform.protocol";
    const status = error instanceof Refused
      ? error.status
      : isTooLarge
      ? 413
      : code === "internal"
      ? 500
      : 400;
    this.#context.log.warn("refused a message over HTTP", { status, reason: messageOf(error), from });
    const words = status === 500 ? "the platform failed inside; its log says why" : message;
    return {
      status,
      type: "application/json",
      body: Buffer.from(JSON.stringify({ error: { code, message: words } })),
    };
  }

  /** A key pair of this start of the platform: what was sealed to it nobody can read once the platform has ended. */
  #sealing(): ReturnType<typeof generateSealingKeys> {
    return this.#keys ??= generateSealingKeys();
  }

  get #clock(): Clock {
    return this.#context.clock;
  }
}

function wireKey({ path, peer }: Visit): string {
  return `${path} ${peer.fingerprint}`;
}

function encode(message: Outgoing): Uint8Array<ArrayBuffer> {
  return toBinary(ServerToAgentSchema, create(ServerToAgentSchema, message));
}

/** The status that says to a plain OpAMP agent what a close code says on a WebSocket. */
function plainStatus(closed: CloseCode | undefined): number {
  switch (closed) {
    case undefined:
    case CLOSE.normal:
      return 200;
    case CLOSE.goingAway:
      return 503;
    case CLOSE.unknownIdentity:
    case CLOSE.expired:
    case CLOSE.retired:
    case CLOSE.recoverable:
      return 401;
    default:
      return closed - 4_000; // those are the statuses of HTTP
  }
}

async function bodyOf(request: IncomingMessage, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  // Else a body that is too large would take the connection with it, and the answer that says so.
  const parts = request.iterator({ destroyOnReturn: false });
  if (encoding === "identity") return await readBody(parts, limitBytes);
  if (encoding !== "gzip") {
    throw new Refused(415, `the content encoding "${encoding}" is not understood here`);
  }
  try {
    return await readBody(Readable.from(parts).pipe(createGunzip()), limitBytes);
  } catch (error) {
    if (asSallyportError(error).code !== "internal") throw error;
    throw new Refused(400, "the body is not gzip", { cause: error });
  }
}
