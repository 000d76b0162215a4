import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket as WsClient, WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { CHALLENGE_HEADER } from "../../src/protocol/proof.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { Company } from "./company.ts";
import type { Fleet } from "./fleet.ts";
import { freePort } from "./fleet.ts";

/**
 * A proxy that opens TLS between the agent and its platform, as in many companies: it shows a certificate of its own
 * authority, which the machine trusts, and relays both ways. It stands at the platform's address.
 */
export class Interceptor implements AsyncDisposable {
  /** The root that the machine was made to trust, PEM. */
  readonly root: string;
  /** What the agent sent after the upgrade. */
  readonly fromAgent: Uint8Array[] = [];
  /** Requests, as they stood in the upgrade: path and headers. */
  readonly upgrades: { path: string; headers: string[] }[] = [];
  relayed = 0;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(root: string, server: ReturnType<typeof createServer>) {
    this.root = root;
    this.#server = server;
  }

  static async start(port: number, upstream: string): Promise<Interceptor> {
    const company = await Company.found("Corporate inspection");
    const server = createServer({
      ...await company.certify(),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const interceptor = new Interceptor(company.root, server);
    const clientKeys = await generateKeyPair();
    // It has no key for the agent's certificate; a certificate of its own is all that it can show upstream.
    const client = {
      cert: await createProvisionalCertificate(clientKeys, systemClock.now()),
      key: await privateKeyToPem(clientKeys.privateKey),
    };
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      interceptor.upgrades.push({ path: request.url!, headers: Object.keys(request.headers) });
      sockets.handleUpgrade(request, socket, head, (agent) => {
        agent.on("message", (data) => interceptor.fromAgent.push(new Uint8Array(data as Buffer)));
        const platform = new WsClient(`wss://${upstream}${request.url}`, {
          ...client,
          rejectUnauthorized: false,
          headers: {
            host: request.headers.host!,
            [CHALLENGE_HEADER]: String(request.headers[CHALLENGE_HEADER]),
          },
        });
        platform.on("message", (data) => {
          interceptor.relayed++;
          agent.send(data as Buffer);
        });
        platform.on("error", () => agent.close());
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
    return interceptor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Moves the platform to another port and puts an interceptor in its place; the machine trusts its root. */
export async function intercept(fleet: Fleet): Promise<{ interceptor: Interceptor; rootFile: string }> {
  const port = fleet.port;
  await fleet.stopPlatform();
  const elsewhere = await freePort();
  await fleet.startPlatform({
    listen: { host: "127.0.0.1", port: elsewhere },
    hostnames: [fleet.authority],
  });
  const interceptor = await Interceptor.start(port, `127.0.0.1:${elsewhere}`);
  const rootFile = `${fleet.home}/corporate-root.pem`;
  await Deno.writeTextFile(rootFile, interceptor.root);
  return { interceptor, rootFile };
}

/** What the upgrade may tell: nothing about the agent but a random challenge. */
export const HEADERS_OF_AN_UPGRADE = new Set([
  "host",
  "connection",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
  "user-agent",
  CHALLENGE_HEADER,
]);
