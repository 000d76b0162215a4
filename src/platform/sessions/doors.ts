import type { IncomingMessage } from "node:http";
import { CLOSE } from "../../protocol/closing.ts";
import type { Context } from "../context.ts";
import type { AgentPath, Handlers } from "../server.ts";
import { SocketWire } from "./socket_wire.ts";
import { Threshold } from "./threshold.ts";
import { NO_CERTIFICATE, visitOf } from "./visit.ts";
import type { Receiver } from "./wire.ts";

/** Takes an agent's upgrade request to the session that serves it, or refuses it in words. */
export function answerUpgrade(
  path: AgentPath,
  request: IncomingMessage,
  accept: Parameters<Handlers["agent"]>[2],
  context: Context,
): void {
  const visit = visitOf(path, request);
  // Everything is in place before the socket can bring its first message.
  accept((socket) => {
    const wire = new SocketWire(socket);
    if (visit) return wire.serve(new Threshold(wire, visit, context));
    // Said inside the WebSocket: of a refused upgrade the agent's runtime shows neither status nor body.
    wire.serve(nobody);
    wire.refuse(NO_CERTIFICATE, CLOSE.unknownIdentity);
  });
}

const nobody: Receiver = {
  open: () => Promise.resolve(),
  message: () => Promise.resolve(),
  failed() {},
  closed: () => Promise.resolve(),
};
