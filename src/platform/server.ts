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
const AGENT_PATHS = ["/v1/enroll", "/v1/opamp"] as const;
export type AgentPath = (typeof AGENT_PATHS)[number];

/** What the server hands its visitors to. */
export interface Handlers {
  http(request: IncomingMessage, response: ServerResponse): void;
  /** A message of an agent that polls. */
  poll(path: AgentPath, request: IncomingMessage, response: ServerResponse): void;
  /** `accept` completes the WebSocket and calls back before its first message. */
  agent(
    path: AgentPath,
    request: IncomingMessage,
    accept: (serve: (socket: WebSocket) => void) => void,
  ): void;
}

/** The server, and how to end it. */
export interface TlsServer {
  server: Server;
  /** Stops listening, lets `farewell` end what it can, and cuts every connection that is left. */
  stop(farewell: () => Promise<void>): Promise<void>;
}

/**
 * The HTTPS server: TLS 1.2 and newer, client certificates asked for and taken as they come, since a refusal
 * inside TLS reaches an agent as a bare reset (decision 8 of the architecture). Who may come in is decided by
 * the sessions.
 */
export function createTlsServer(certificate: ServerCertificate, handlers: Handlers): TlsServer {
  const server = createServer({
    cert: certificate.certificate,
    key: certificate.key,
    minVersion: "TLSv1.2",
    requestCert: true,
    rejectUnauthorized: false,
  }, (request: IncomingMessage, response: ServerResponse) => {
    const path = pathOf(request);
    if (request.method === "POST" && isAgentPath(path)) handlers.poll(path, request, response);
    else handlers.http(request, response);
  });
  // Messages a little over our limit are refused in words; of larger ones the rest is not even read (1009).
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 2 * MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    socket.on("error", () => socket.destroy());
    const path = pathOf(request);
    if (!isAgentPath(path)) return rejectUpgrade(socket, path);
    handlers.agent(path, request, (serve) => {
      sockets.handleUpgrade(request, socket as Socket, head as never, serve);
    });
  });
  // Agents come back while the others are told goodbye; one in its handshake is known to nobody else.
  const connections = new Set<Duplex>();
  const remember = (connection: Duplex) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  };
  server.on("connection", remember);
  server.on("secureConnection", remember);
  return {
    server,
    async stop(farewell) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await farewell();
      for (const socket of sockets.clients) socket.terminate(); // those that never became a session
      (server as unknown as HttpServer).closeAllConnections();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0]!;
}

function isAgentPath(path: string): path is AgentPath {
  return (AGENT_PATHS as readonly string[]).includes(path);
}

function rejectUpgrade(socket: Duplex, path: string): void {
  const message = `no WebSocket is served at ${path}`;
  const remedy = `Use ${AGENT_PATHS.join(" or ")}.`;
  const body = JSON.stringify({ error: { code: "request.not-found", message, remedy } });
  const head = [
    "HTTP/1.1 404 Not Found",
    "Content-Type: application/json",
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
  ];
  socket.end([...head, "", body].join("\r\n"));
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
