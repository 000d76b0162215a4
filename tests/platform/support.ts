import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { parseUuid, randomToken } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Platform, PlatformOptions } from "../../src/platform/platform.ts";
import { startPlatform } from "../../src/platform/platform.ts";
import { AGENT_CAPABILITY, CUSTOM } from "../../src/protocol/capabilities.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/codec.ts";
import { enrolmentCertificateSchema } from "../../src/protocol/enrolment.ts";
import type { ServerToAgent } from "../../src/protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import { decodeBundle } from "../../src/trust/bundle.ts";
import { createProvisionalCertificate, createRequest } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";

/** A platform on a free port, in a folder of its own unless one is given; disposing stops and removes both. */
export interface TestPlatform extends AsyncDisposable {
  platform: Platform;
  dataDir: string;
  token: string;
  client: Deno.HttpClient;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: never }>;
  /** Stops the platform and starts it again in the same folder. */
  restart(): Promise<void>;
}

export async function testPlatform(options: Partial<PlatformOptions> = {}): Promise<TestPlatform> {
  const dataDir = await Deno.makeTempDir({ prefix: "sallyport-platform-" });
  const listen = { host: "127.0.0.1", port: 0 };
  const start = (port: number) =>
    startPlatform({
      dataDir,
      clock: systemClock,
      log: silentLog,
      ...options,
      listen: { ...listen, port },
    });
  const platform = await start(options.listen?.port ?? 0);
  const test: TestPlatform = {
    platform,
    dataDir,
    token: platform.firstToken!,
    client: Deno.createHttpClient({ caCerts: [platform.ca] }),
    async api(method, path, body) {
      const response = await fetch(`${test.platform.url}/api/v1${path}`, {
        method,
        client: test.client,
        headers: { authorization: `Bearer ${test.token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() as never };
    },
    async restart() {
      await test.platform.close();
      // A connection that is kept alive in the client does not outlive its platform, but may not know that yet.
      test.client.close();
      test.client = Deno.createHttpClient({ caCerts: [test.platform.ca] });
      test.platform = await start(Number(test.platform.authority.split(":").at(-1)));
    },
    async [Symbol.asyncDispose]() {
      test.client.close();
      await test.platform.close();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
  return test;
}

/** What an agent keeps after enrolling. */
export interface TestIdentity {
  uid: string;
  name: string;
  certificate: string;
  key: string;
}

/** How a WebSocket ended. */
export interface Ending {
  code: number;
  reason: string;
}

type ToServer = MessageInitShape<typeof AgentToServerSchema>;

/** The agent's end of a connection, without any of the agent's code: messages come out in order. */
export class TestConnection implements AsyncDisposable {
  readonly ended: Promise<Ending>;
  readonly #socket: WebSocket;
  readonly #client: Deno.HttpClient;
  readonly #opened: Promise<void>;
  readonly #inbox: ServerToAgent[] = [];
  #wake = () => {};
  #isOver = false;

  constructor(
    url: string,
    { ca, cert, key, headers = {} }: {
      ca: string;
      cert?: string;
      key?: string;
      headers?: Record<string, string>;
    },
  ) {
    this.#client = Deno.createHttpClient({ caCerts: [ca], ...(cert && key ? { cert, key } : {}) });
    // The types of the runtime do not know the two options of its own WebSocket.
    const Socket = WebSocket as unknown as new (url: string, options: unknown) => WebSocket;
    this.#socket = new Socket(url, { client: this.#client, headers });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      this.#inbox.push(decodeFrame(ServerToAgentSchema, new Uint8Array(data as ArrayBuffer)));
      this.#wake();
    };
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.onopen = () => resolve();
      this.#socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
    });
    this.#opened.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#socket.onclose = ({ code, reason }) => {
        this.#isOver = true;
        this.#wake();
        resolve({ code, reason });
      };
    });
  }

  /** Resolves when the WebSocket is open, rejects when it was refused. */
  opened(): Promise<void> {
    return this.#opened;
  }

  /** The next message of the platform. */
  async next(): Promise<ServerToAgent> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message) return message;
      if (this.#isOver) throw new Error(`the connection ended: ${JSON.stringify(await this.ended)}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async send(message: ToServer): Promise<void> {
    await this.sendRaw(encodeFrame(AgentToServerSchema, create(AgentToServerSchema, message)));
  }

  async sendRaw(data: Uint8Array<ArrayBuffer> | string): Promise<void> {
    await this.#opened;
    this.#socket.send(data);
  }

  async close(code = 1000): Promise<Ending> {
    if (!this.#isOver) this.#socket.close(code);
    return await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.catch(() => {});
    await this.close();
    this.#client.close();
  }
}

/** Opens `/v1/enroll` with a provisional certificate of these keys. */
export async function enrolmentConnection(
  { platform }: TestPlatform,
  keys: CryptoKeyPair,
  { clock = systemClock, headers }: { clock?: Clock; headers?: Record<string, string> } = {},
): Promise<TestConnection> {
  return new TestConnection(`wss://${platform.authority}/v1/enroll`, {
    ca: platform.ca,
    cert: await createProvisionalCertificate(keys, clock.now()),
    key: await privateKeyToPem(keys.privateKey),
    headers: headers ?? { "sallyport-challenge": randomToken() },
  });
}

/** The enrolment request with the secret of a bundle. */
export async function enrolmentRequest(
  bundle: string,
  keys: CryptoKeyPair,
  name = "wished",
): Promise<ToServer> {
  const { secret } = decodeBundle(bundle);
  const request = { protocol: 1, secret, csr: await createRequest(keys), name };
  return { customMessage: jsonMessage(CUSTOM.enrolment, "request", request) };
}

/** Enrols one agent from bundle to certificate. */
export async function enrolledAgent(
  test: TestPlatform,
  name = "agent one",
  clock?: Clock,
): Promise<TestIdentity> {
  const { body } = await test.api("POST", "/enrolments", { name });
  const keys = await generateKeyPair();
  await using connection = await enrolmentConnection(test, keys, clock ? { clock } : {});
  await connection.next(); // the proof, which other tests check
  await connection.send(await enrolmentRequest((body as { bundle: string }).bundle, keys));
  const answer = readJsonMessage((await connection.next()).customMessage!, enrolmentCertificateSchema);
  return {
    uid: answer.instanceUid,
    name: answer.name,
    certificate: answer.certificate,
    key: await privateKeyToPem(keys.privateKey),
  };
}

/** Opens `/v1/opamp` as an enrolled agent; without a challenge unless headers bring one. */
export function opampConnection(
  { platform }: TestPlatform,
  identity: Pick<TestIdentity, "certificate" | "key">,
  headers: Record<string, string> = {},
): TestConnection {
  const { certificate: cert, key } = identity;
  return new TestConnection(`wss://${platform.authority}/v1/opamp`, { ca: platform.ca, cert, key, headers });
}

export const CAPABILITIES = AGENT_CAPABILITY.reportsStatus | AGENT_CAPABILITY.acceptsRemoteConfig |
  AGENT_CAPABILITY.reportsEffectiveConfig | AGENT_CAPABILITY.reportsHealth |
  AGENT_CAPABILITY.reportsRemoteConfig | AGENT_CAPABILITY.reportsHeartbeat |
  AGENT_CAPABILITY.acceptsOpampConnectionSettings;

/** A message of an agent; the first of a session carries a description. */
export function toServer(uid: string, sequence: number, rest: ToServer = {}): ToServer {
  return {
    instanceUid: parseUuid(uid)!,
    sequenceNum: BigInt(sequence),
    capabilities: CAPABILITIES,
    ...rest,
  };
}
