import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { join } from "@std/path";
import { sha256Hex } from "../../src/base/digest.ts";
import { readTextIfThere } from "../../src/base/files.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { keyPairFromPem, toPem } from "../../src/trust/keys.ts";

/** What becomes of an attempt to open a WebSocket. */
export type Upgrades = "refused" | "swallowed" | "silent";

export interface FrontOptions {
  port: number;
  /** `host:port` of the platform behind it. */
  upstream: string;
  /** The folder with the platform's server certificate. */
  platformData: string;
  ca: string;
  /** The files with the agent's keys, PEM, as far as they exist: only who has them can pass for the agent. */
  keyFiles: string[];
  upgrades: Upgrades;
}

/**
 * A load balancer that knows no WebSockets, as real as one can be in front of mutual TLS: it shows the platform's own
 * certificate, and hands every request on with the certificate and the key of the agent that made it.
 */
export class Front implements AsyncDisposable {
  /** Method and path of every request, in their order. */
  readonly requests: string[] = [];
  /** What passed between agents and the platform, both ways. */
  readonly bodies: Uint8Array[] = [];
  readonly #options: FrontOptions;
  readonly #server: ReturnType<typeof createServer>;
  readonly #swallowed: Duplex[] = [];
  /** By the fingerprint of the key: a renewal moves the files while the agent goes on talking. */
  readonly #keys = new Map<string, string>();

  private constructor(options: FrontOptions, server: ReturnType<typeof createServer>) {
    this.#options = options;
    this.#server = server;
  }

  static async start(options: FrontOptions): Promise<Front> {
    const { certificate, key } = JSON.parse(
      await Deno.readTextFile(join(options.platformData, "server.json")),
    );
    const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
    const front = new Front(options, server);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      front.#forward(request, response).catch(() => response.destroy());
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
      front.requests.push(`UPGRADE ${request.url}`);
      socket.on("error", () => {});
      front.#refuse(request, socket);
    });
    await new Promise<void>((resolve) => server.listen(options.port, "127.0.0.1", () => resolve()));
    return front;
  }

  #refuse(request: IncomingMessage, socket: Duplex): void {
    switch (this.#options.upgrades) {
      case "refused":
        return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      case "swallowed":
        return void this.#swallowed.push(socket);
      case "silent":
        this.#swallowed.push(socket);
        return acceptSilently(request, socket);
    }
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    const { upstream, ca } = this.#options;
    const raw = (request.socket as TLSSocket).getPeerCertificate(true)?.raw;
    const identity = raw?.length ? await this.#identity(new Uint8Array(raw)) : {};
    const client = Deno.createHttpClient({ caCerts: [ca], ...identity, allowHost: true });
    try {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part);
      const body = Buffer.concat(parts);
      const headers = Object.entries(request.headers)
        .filter(([name]) => !["connection", "content-length", "transfer-encoding"].includes(name))
        .map(([name, value]): [string, string] => [name, String(value)]);
      const answer = await fetch(`https://${upstream}${request.url}`, {
        method: request.method!,
        headers,
        client,
        ...(body.length > 0 ? { body } : {}),
      });
      const bytes = await answer.bytes();
      if (request.url!.startsWith("/v1/")) this.bodies.push(body, bytes);
      response.writeHead(answer.status, {
        "Content-Type": answer.headers.get("content-type") ?? "text/plain",
      });
      response.end(bytes);
    } finally {
      client.close();
    }
  }

  /** The agent's certificate with its key. */
  async #identity(der: Uint8Array<ArrayBuffer>): Promise<{ cert: string; key: string }> {
    const { publicKeyFingerprint } = readCertificate(der);
    if (!this.#keys.has(publicKeyFingerprint)) await this.#readKeys();
    const key = this.#keys.get(publicKeyFingerprint);
    if (key === undefined) throw new Error("no key is there for the agent's certificate");
    return { cert: toPem("CERTIFICATE", der), key };
  }

  async #readKeys(): Promise<void> {
    for (const file of this.#options.keyFiles) {
      const key = await readTextIfThere(file);
      if (key === undefined) continue;
      const { publicKey } = await keyPairFromPem(key);
      this.#keys.set(sha256Hex(new Uint8Array(await crypto.subtle.exportKey("spki", publicKey))), key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#swallowed) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Completes the upgrade, and lets nothing through. */
function acceptSilently(request: IncomingMessage, socket: Duplex): void {
  const key = request.headers["sec-websocket-key"]! + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  crypto.subtle.digest("SHA-1", new TextEncoder().encode(key)).then((digest) => {
    const accept = new Uint8Array(digest).toBase64();
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
}
