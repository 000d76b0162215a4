import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE } from "../../protocol/closing.ts";
import type { ServerToAgent, ServerToAgentSchema } from "../../protocol/generated/opamp_pb.ts";
import { ServerErrorResponseType } from "../../protocol/generated/opamp_pb.ts";

/** A message to an agent. */
export type Outgoing = Exclude<MessageInitShape<typeof ServerToAgentSchema>, ServerToAgent>;

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

/** How an agent is connected. */
export const TRANSPORTS = ["websocket", "polling"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** The platform's end of one connection to an agent. */
export abstract class Wire {
  abstract readonly transport: Transport;

  /** Sends one message; nothing once the connection is ending. */
  abstract send(message: Outgoing): void;

  /** Ends the connection. */
  abstract close(code: CloseCode, words: string): void;

  /** Cuts the connection to a peer that does not answer. */
  abstract cut(): void;

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
}
