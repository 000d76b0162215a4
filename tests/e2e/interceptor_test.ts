import { assert, assertEquals } from "@std/assert";
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket as WsClient, WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { CHALLENGE_HEADER } from "../../src/protocol/proof.ts";
import { createAuthority, issueServerCertificate } from "../../src/trust/certificate_authority.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { Fleet, freePort } from "../support/fleet.ts";

/**
 * A proxy that opens TLS between the agent and its platform, as in many companies: it shows a certificate of its own
 * authority, which the machine trusts, and relays both ways. It stands at the platform's address.
 */
class Interceptor implements AsyncDisposable {
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
    const now = systemClock.now();
    const validity = { notBefore: now - 1_000_000, notAfter: now + 86_400_000 };
    const [rootKeys, serverKeys, clientKeys] = [
      await generateKeyPair(),
      await generateKeyPair(),
      await generateKeyPair(),
    ];
    const root = await createAuthority("Corporate inspection", rootKeys, validity);
    const authority = { certificate: root, key: rootKeys.privateKey };
    const cert = await issueServerCertificate(authority, serverKeys.publicKey, ["127.0.0.1"], validity);
    const server = createServer({
      cert,
      key: await privateKeyToPem(serverKeys.privateKey),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const interceptor = new Interceptor(root, server);
    // It has no key for the agent's certificate; a certificate of its own is all that it can show upstream.
    const client = {
      cert: await createProvisionalCertificate(clientKeys, now),
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
async function intercept(fleet: Fleet): Promise<{ interceptor: Interceptor; rootFile: string }> {
  const port = Number(fleet.authority.split(":")[1]);
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
const HEADERS_OF_AN_UPGRADE = new Set([
  "host",
  "connection",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
  "user-agent",
  CHALLENGE_HEADER,
]);

Deno.test("an interceptor with a trusted root gets the challenge and not one byte more", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  // The runtime takes roots from this variable without any permission: exactly how such proxies are rolled out.
  const trusting = {
    command: "env",
    args: [`DENO_CERT=${rootFile}`, fleet.program.command, ...fleet.program.args],
  };

  const agent = fleet.startAgent(["run"], trusting);
  const line = await agent.line(({ message }) => message === "not connected");
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  await agent.stop();

  assert(interceptor.relayed > 0, "the platform's proof was relayed, and still not believed");
  assertEquals(interceptor.fromAgent, []);
  for (const { path, headers } of interceptor.upgrades) {
    assertEquals(path, "/v1/opamp");
    assertEquals(headers.filter((name) => !HEADERS_OF_AN_UPGRADE.has(name)), []);
  }
  const { entries } = await fleet.json<{ entries: unknown[] }>(["egress"]);
  assertEquals(entries, [], "nothing left, so nothing is in the ledger");
});

Deno.test("an enrolment through an interceptor keeps its secret", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  const { runCommand } = await import("../../scripts/lib/agent_process.ts");
  const trusting = {
    command: "env",
    args: [`DENO_CERT=${rootFile}`, fleet.program.command, ...fleet.program.args],
  };

  const { code, stdout } = await runCommand(trusting, fleet.home, ["enroll", bundle, "--json"]);
  assertEquals([code, JSON.parse(stdout).error.code], [6, "platform.not-proved"]);
  assert(interceptor.relayed > 0);
  assertEquals(interceptor.fromAgent, []);
});

Deno.test("without its root on the machine, an interceptor does not even get the challenge", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  const agent = fleet.startAgent();
  const line = await agent.line(({ message }) => message === "not connected");
  assertEquals(line.code, "platform.not-trusted", JSON.stringify(line));
  await agent.stop();
  assertEquals(interceptor.upgrades, []);
});
