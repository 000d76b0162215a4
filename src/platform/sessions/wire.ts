import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { WebSocket } from "ws";
import { MAX_MESSAGE_BYTES } from "../../base/limits.ts";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE, closeReason } from "../../protocol/closing.ts";
import { encodeFrame } from "../../protocol/codec.ts";
import { ServerErrorResponseType, ServerToAgentSchema } from "../../protocol/generated/opamp_pb.ts";

/** What waits in memory for a peer that does not read; more ends the connection. */
const MAX_UNREAD_BYTES = 8 * MAX_MESSAGE_BYTES;
/** Messages that may wait for their turn before the socket is told to hold back. */
const MAX_WAITING = 32;

type Outgoing = MessageInitShape<typeof ServerToAgentSchema>;

/** What a session does with its connection's life. Calls never overlap and keep their order. */
export interface Receiver {
  /** Before the first message. */
  open(): Promise<void>;
  /** For each message, as a frame of OpAMP. */
  message(frame: Uint8Array<ArrayBuffer>): Promise<void>;
  /** When one of the two above has thrown. */
  failed(error: unknown): void;
  /** At the very end; `code` is that of the close frame, 1006 when the connection broke without one. */
  closed(code: number): Promise<void>;
}

/** One WebSocket to an agent, speaking OpAMP frames. */
export class Wire {
  readonly #socket: WebSocket;
  #ending = false;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Hands the connection to its receiver; call it once, before anything else can arrive. */
  serve(receiver: Receiver): void {
    this.#enqueue(receiver, () => receiver.open());
    this.#socket.on("message", (data: Uint8Array<ArrayBuffer>, isBinary: boolean) => {
      if (this.#ending) return;
      if (!isBinary) return this.refuse("OpAMP messages are binary, and this one was text", CLOSE.badRequest);
      if (data.length > MAX_MESSAGE_BYTES) {
        const words = `a message has ${data.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`;
        return this.refuse(words, CLOSE.tooLarge);
      }
      this.#enqueue(receiver, () => receiver.message(new Uint8Array(data)));
    });
    this.#socket.on("error", () => {}); // `close` follows and tells the receiver
    this.#socket.on("close", (code: number) => {
      this.#ending = true;
      this.#work = this.#work.then(() => receiver.closed(code)).catch((error) => receiver.failed(error));
    });
  }

  #enqueue(receiver: Receiver, task: () => Promise<void>): void {
    if (++this.#waiting >= MAX_WAITING) this.#socket.pause();
    this.#work = this.#work
      .then(() => this.#ending ? undefined : task())
      .catch((error) => receiver.failed(error))
      .finally(() => {
        if (--this.#waiting < MAX_WAITING) this.#socket.resume();
      });
  }

  /** Sends one message; nothing once the connection is ending. */
  send(message: Outgoing): void {
    if (this.#ending) return;
    this.#socket.send(encodeFrame(ServerToAgentSchema, create(ServerToAgentSchema, message)));
    if (this.#socket.bufferedAmount > MAX_UNREAD_BYTES) this.#socket.terminate();
  }

  /** Says that a message was wrong, and why; the session goes on. */
  complain(words: string): void {
    this.send({
      errorResponse: {
        type: ServerErrorResponseType.ServerErrorResponseType_BadRequest,
        errorMessage: words,
      },
    });
  }

  /** Ends the connection, with the reason in words before. */
  refuse(words: string, code: CloseCode): void {
    this.complain(words);
    this.close(code, words);
  }

  /** Ends the connection because of a failure on this side: the agent may come back with its usual backoff. */
  unavailable(): void {
    const errorMessage = "the platform failed inside; its log says why";
    this.send({
      errorResponse: { type: ServerErrorResponseType.ServerErrorResponseType_Unavailable, errorMessage },
    });
    this.close(CLOSE.goingAway, errorMessage);
  }

  /** Ends the connection. */
  close(code: CloseCode, words: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.close(code, closeReason(words));
  }

  /** Cuts the connection to a peer that does not answer. */
  cut(): void {
    this.#ending = true;
    this.#socket.terminate();
  }
}
