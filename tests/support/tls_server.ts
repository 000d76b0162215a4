import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestCertificate } from "./company.ts";

/** A server that is no platform. */
export interface StrangeServer extends AsyncDisposable {
  authority: string;
  /** Connections that were taken. */
  connections: number;
  /** What was asked of it. */
  requests: string[];
}

/** Starts one with this certificate, on any port unless one is given; it answers every request with nothing. */
export async function strangeServer(certificate: TestCertificate, port = 0): Promise<StrangeServer> {
  const server = createServer(certificate, (request: IncomingMessage, response) => {
    strange.requests.push(`${request.method} ${request.url}`);
    response.end();
  });
  server.on("connection", () => strange.connections++);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  const strange: StrangeServer = {
    authority: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    requests: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return strange;
}
