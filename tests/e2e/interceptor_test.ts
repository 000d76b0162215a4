import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket as WsClient, WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { CHALLENGE_HEADER } from "../../src/protocol/proof.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { Company } from "../support/company.ts";
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

/** The error says who answered, in words and as facts. */
function assertNamed({ message, issuer, subject, signedByBundle }: Record<string, unknown>): void {
  assertStringIncludes(
    String(message),
    'a certificate of "CN=127.0.0.1", issued by "CN=Corporate inspection"',
  );
  assertEquals([issuer, subject, signedByBundle], ["CN=Corporate inspection", "CN=127.0.0.1", false]);
}

/** Runs an agent that cannot get past the interceptor, and gives how its first try ended. */
async function endOfFirstTry(fleet: Fleet, program = fleet.program) {
  const agent = fleet.startAgent(["run"], program);
  const line = await agent.line(({ message }) => message === "not connected");
  await agent.stop();
  return line;
}

/** The interceptor saw upgrades and a challenge, and nothing that would be of any agent's. */
async function assertNothingLeft(fleet: Fleet, interceptor: Interceptor): Promise<void> {
  assert(interceptor.relayed > 0, "the platform's proof was relayed, and still not believed");
  assertEquals(interceptor.fromAgent, []);
  for (const { path, headers } of interceptor.upgrades) {
    assertEquals(path, "/v1/opamp");
    assertEquals(headers.filter((name) => !HEADERS_OF_AN_UPGRADE.has(name)), []);
  }
  const { entries } = await fleet.json<{ entries: unknown[] }>(["egress"]);
  assertEquals(entries, [], "nothing left, so nothing is in the ledger");
}

Deno.test("an interceptor with a trusted root is named, and gets the challenge and not one byte more", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  // The runtime takes roots from this variable without any permission: exactly how such proxies are rolled out.
  const { command, args } = fleet.program;
  const line = await endOfFirstTry(fleet, {
    command: "env",
    args: [`DENO_CERT=${rootFile}`, command, ...args],
  });
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertStringIncludes(String(line.reason), "this machine trusts it");
  await assertNothingLeft(fleet, interceptor);
});

Deno.test("nor does an interceptor whose root stands in ca.pem get a byte", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  await Deno.writeTextFile(`${fleet.home}/ca.pem`, interceptor.root);
  const line = await endOfFirstTry(fleet);
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertStringIncludes(String(line.reason), "a CA of ca.pem signed it, and not the bundle's");
  await assertNothingLeft(fleet, interceptor);
});

Deno.test("an enrolment through an interceptor keeps its secret, and names who was there", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  const { command, args } = fleet.program;
  const trusting = { command: "env", args: [`DENO_CERT=${rootFile}`, command, ...args] };
  for (const [program, expected] of [[fleet.program, "not-trusted"], [trusting, "not-proved"]] as const) {
    const { code, stdout } = await runCommand(program, fleet.home, ["enroll", bundle, "--json"]);
    const { error } = JSON.parse(stdout);
    assertEquals([code, error.code], [6, `platform.${expected}`]);
    assertNamed({ message: error.message, ...error.facts });
  }
  assert(interceptor.relayed > 0);
  assertEquals(interceptor.fromAgent, []);
});

Deno.test("without its root on the machine, an interceptor is named and does not even get the challenge", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  const line = await endOfFirstTry(fleet);
  assertEquals(line.code, "platform.not-trusted", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertEquals(interceptor.upgrades, []);
  const { connection } = await fleet.json<{ connection: { reason: string } }>(["status"]);
  assertStringIncludes(connection.reason, "Corporate inspection");
});
