import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import { MAX_MESSAGE_BYTES } from "../base/limits.ts";
import { SallyportError } from "../base/errors.ts";
import type { ServerCertificate } from "./ca/server_certificate.ts";

/** The two paths at which agents knock. */
export const AGENT_PATHS = ["/v1/enroll", "/v1/opamp"] as const;
export type AgentPath = (typeof AGENT_PATHS)[number];

/** What the server hands its visitors to. */
export interface Handlers {
  http(request: IncomingMessage, response: ServerResponse): void;
  agent(path: AgentPath, request: IncomingMessage, upgrade: Upgrade): void;
}

/** How an upgrade request is answered: exactly one of the two is called. */
export interface Upgrade {
  accept(serve: (socket: WebSocket) => void): void;
  /** Refuses before the WebSocket is there, with a JSON body. */
  reject(status: 401 | 404, code: string, message: string, remedy: string): void;
}

/**
 * The HTTPS server: TLS 1.2 and newer, client certificates asked for and taken as they come, since a refusal
 * inside TLS reaches an agent as a bare reset (decision 8 of the architecture). Who may come in is decided by
 * the sessions.
 */
export function createTlsServer(certificate: ServerCertificate, handlers: Handlers): Server {
  const server = createServer({
    cert: certificate.certificate,
    key: certificate.key,
    minVersion: "TLSv1.2",
    requestCert: true,
    rejectUnauthorized: false,
  }, handlers.http);
  // Messages a little over our limit are refused in words; of larger ones the rest is not even read (1009).
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 2 * MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    socket.on("error", () => socket.destroy());
    const path = new URL(request.url ?? "/", "https://platform").pathname;
    const upgrade: Upgrade = {
      accept: (serve) => sockets.handleUpgrade(request, socket as Socket, head as never, serve),
      reject: (status, code, message, remedy) =>
        rejectUpgrade(socket, status, JSON.stringify({ error: { code, message, remedy } })),
    };
    if ((AGENT_PATHS as readonly string[]).includes(path)) {
      return handlers.agent(path as AgentPath, request, upgrade);
    }
    upgrade.reject(
      404,
      "request.not-found",
      `no WebSocket is served at ${path}`,
      "Use /v1/opamp or /v1/enroll.",
    );
  });
  return server;
}

const STATUS_TEXT = { 401: "Unauthorized", 404: "Not Found" };

function rejectUpgrade(socket: Duplex, status: 401 | 404, body: string): void {
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_TEXT[status]}`,
      "Content-Type: application/json",
      `Content-Length: ${new TextEncoder().encode(body).length}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}

/**
 * Starts to listen and gives the port.
 *
 * @throws {SallyportError} `usage` when the address cannot be had.
 */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    throw new SallyportError("usage", `the platform cannot listen on ${host}:${port}: ${String(cause)}`, {
      cause,
      remedy: "Choose another address with --listen, or stop the program that has this one.",
    });
  }
  return (server.address() as { port: number }).port;
}

/** Stops listening and ends every connection. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  (server as unknown as HttpServer).closeAllConnections();
  await closed;
}
