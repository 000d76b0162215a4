import { create } from "@bufbuild/protobuf";
import type { WebSocket } from "ws";
import { MAX_MESSAGE_BYTES } from "../../base/limits.ts";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE, closeReason } from "../../protocol/closing.ts";
import { encodeFrame } from "../../protocol/codec.ts";
import { ServerToAgentSchema } from "../../protocol/generated/opamp_pb.ts";
import type { Outgoing, Receiver } from "./wire.ts";
import { Wire } from "./wire.ts";

/** What waits in memory for a peer that does not read; more ends the connection. */
const MAX_UNREAD_BYTES = 8 * MAX_MESSAGE_BYTES;
/** Messages that may wait for their turn before the socket is told to hold back. */
const MAX_WAITING = 32;

/** One WebSocket to an agent, speaking OpAMP frames. */
export class SocketWire extends Wire {
  readonly transport = "websocket";
  readonly #socket: WebSocket;
  #ending = false;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(socket: WebSocket) {
    super();
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

  send(message: Outgoing): void {
    if (this.#ending) return;
    this.#socket.send(encodeFrame(ServerToAgentSchema, create(ServerToAgentSchema, message)));
    if (this.#socket.bufferedAmount > MAX_UNREAD_BYTES) this.#socket.terminate();
  }

  close(code: CloseCode, words: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.close(code, closeReason(words));
  }

  cut(): void {
    this.#ending = true;
    this.#socket.terminate();
  }
}
