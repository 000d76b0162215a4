import { assert, assertEquals } from "@std/assert";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { MockOpAMPServer } from "@elastic/mockopampserver";
import { createServer } from "node:https";
import { WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { utf8 } from "../../src/base/encoding.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { parseUuid } from "../../src/base/ids.ts";
import { CUSTOM, SERVER_CAPABILITY } from "../../src/protocol/capabilities.ts";
import type { AgentToServer } from "../../src/protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { createAuthority, issueServerCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { agentFromSource, runCommand, RunningAgent } from "../../scripts/lib/agent_process.ts";
import { COPY_PROCESS, eventually, freePort } from "../support/fleet.ts";
import { temporaryFolder } from "../support/home.ts";

/** A server certificate of somebody else's CA. */
async function foreignCertificate() {
  const now = systemClock.now();
  const validity = { notBefore: now - 3_600_000, notAfter: now + 3_600_000 };
  const [rootKeys, keys] = [await generateKeyPair(), await generateKeyPair()];
  const ca = await createAuthority("Somebody else's CA", rootKeys, validity);
  const authority = { certificate: ca, key: rootKeys.privateKey };
  const cert = await issueServerCertificate(authority, keys.publicKey, ["127.0.0.1"], validity);
  return { ca, cert, key: await privateKeyToPem(keys.privateKey) };
}

interface Status {
  processes: { name: string; state: string }[];
  spooledTotal: number;
}

/** An agent in a home of its own that uses a plain server. */
class PlainAgent implements AsyncDisposable {
  readonly home = temporaryFolder();
  readonly #program: AgentProgram;
  readonly instanceUid: string;
  #running: RunningAgent | undefined;

  private constructor(program: AgentProgram, home: ReturnType<typeof temporaryFolder>, instanceUid: string) {
    this.#program = program;
    this.home = home;
    this.instanceUid = instanceUid;
  }

  static async enrol(address: string, ca: string): Promise<PlainAgent> {
    const home = temporaryFolder();
    const program = await agentFromSource(address);
    await Deno.writeTextFile(`${home.path}/ca.pem`, ca);
    await Deno.mkdir(`${home.path}/data/in`, { recursive: true });
    const words = ["enroll", "--plain", address, "--name", "plain", "--json"];
    const { code, stdout, stderr } = await runCommand(program, home.path, words);
    assertEquals(code, EXIT.ok, stderr);
    return new PlainAgent(program, home, JSON.parse(stdout).instanceUid);
  }

  async start(): Promise<RunningAgent> {
    this.#running = new RunningAgent(this.#program, this.home.path);
    await this.#running.connected();
    return this.#running;
  }

  async status(): Promise<Status> {
    return JSON.parse((await runCommand(this.#program, this.home.path, ["status", "--json"])).stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.stop("SIGKILL");
    this.home[Symbol.dispose]();
  }
}

Deno.test("an agent reports to a plain OpAMP server that only polls, and takes its processes from it", async () => {
  const { ca, ...certificate } = await foreignCertificate();
  const port = await freePort();
  const options = { hostname: "127.0.0.1", port, logLevel: "fatal", testMode: true, ...certificate };
  const server = new MockOpAMPServer(options);
  server.setAgentConfigMap({ configMap: { copy: { body: utf8(COPY_PROCESS), contentType: "text/yaml" } } });
  await server.start();
  try {
    await using agent = await PlainAgent.enrol(`127.0.0.1:${port}`, ca);
    assertEquals(server.testGetRequests(), [], "nothing is sent before the agent runs");
    await agent.start();

    const known = () => server.getActiveAgent(parseUuid(agent.instanceUid)!);
    const APPLIED = 1;
    const seen = await eventually(known, (each) => each?.remoteConfigStatus?.status === APPLIED);
    assertEquals(seen.getIdentifyingAttributes()["service.name"], "sallyport");
    assertEquals(seen.getNonIdentifyingAttributes()["sallyport.agent.name"], "plain");
    const { processes } = await agent.status();
    assertEquals(processes.map(({ name, state }) => [name, state]), [["copy", "active"]]);

    // The server takes no tracking: the records of a run wait, and nothing that it cannot take is sent.
    await Deno.writeTextFile(`${agent.home.path}/data/in/a.csv`, "id,amount\n1,2\n");
    await eventually(() => agent.status(), ({ spooledTotal }) => spooledTotal > 0);
    const requests: { a2s?: AgentToServer }[] = server.testGetRequests();
    assert(requests.every(({ a2s }) => a2s?.customMessage === undefined));
  } finally {
    await server.close();
  }
});

type ToAgent = MessageInitShape<typeof ServerToAgentSchema>;

/** The least that an OpAMP server over WebSocket can be: what it got, and what it answers. */
async function webSocketServer(answer: (message: AgentToServer) => ToAgent | undefined) {
  const { ca, ...certificate } = await foreignCertificate();
  const server = createServer(certificate);
  const sockets = new WebSocketServer({ server, path: "/v1/opamp" });
  const received: AgentToServer[] = [];
  sockets.on("connection", (socket) => {
    socket.on("message", (data: Uint8Array) => {
      const message = fromBinary(AgentToServerSchema, data.subarray(1));
      received.push(message);
      const reply = answer(message);
      if (!reply) return;
      const body = toBinary(ServerToAgentSchema, create(ServerToAgentSchema, reply));
      socket.send(new Uint8Array([0, ...body]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    ca,
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

Deno.test("a plain OpAMP server over WebSocket sets the heartbeat, and gets custom messages if it takes them", async () => {
  const capabilities = SERVER_CAPABILITY.acceptsStatus | SERVER_CAPABILITY.offersRemoteConfig |
    SERVER_CAPABILITY.offersConnectionSettings;
  const configMap = { copy: { body: utf8(COPY_PROCESS), contentType: "text/yaml" } };
  await using server = await webSocketServer(({ instanceUid, agentDescription, customMessage }) => {
    if (customMessage) return undefined; // it keeps them, and has no word for that
    if (!agentDescription) return { instanceUid, capabilities };
    return {
      instanceUid,
      capabilities,
      remoteConfig: { config: { configMap }, configHash: new Uint8Array(32).fill(7) },
      connectionSettings: { hash: new Uint8Array([1]), opamp: { heartbeatIntervalSeconds: 1n } },
      customCapabilities: { capabilities: [CUSTOM.tracking] },
    };
  });
  await using agent = await PlainAgent.enrol(server.address, server.ca);
  await agent.start();
  await Deno.writeTextFile(`${agent.home.path}/data/in/a.csv`, "id,amount\n1,2\n");
  await eventually(() => server.received, (received) => received.some(({ customMessage }) => customMessage));
  const isHeartbeat = ({ agentDescription, health, customMessage, remoteConfigStatus }: AgentToServer) =>
    !agentDescription && !health && !customMessage && !remoteConfigStatus;
  await eventually(() => server.received, (received) => received.filter(isHeartbeat).length >= 2);
  assertEquals(new Set(server.received.map(({ instanceUid }) => instanceUid.toHex())).size, 1);
});
