import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { fromBase64Url } from "../../src/base/encoding.ts";
import { randomToken } from "../../src/base/ids.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import type { ServerToAgent } from "../../src/protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../../src/protocol/messages.ts";
import { decodeAnswer, PLAIN_TYPE, SEALED_TYPE, sealingContext } from "../../src/protocol/polling.ts";
import type { Proof } from "../../src/protocol/proof.ts";
import { CHALLENGE_HEADER, proofSchema } from "../../src/protocol/proof.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { seal } from "../../src/trust/sealing.ts";
import type { TestIdentity, TestPlatform } from "./support.ts";

type ToServer = MessageInitShape<typeof AgentToServerSchema>;
type Path = "/v1/opamp" | "/v1/enroll";

/** What a message of an agent that polls was answered with. */
export interface Polled {
  status: number;
  message: ServerToAgent;
  more: boolean;
  closed: number;
}

/** An agent that polls, without any of the agent's code. */
export class TestPoller implements Disposable {
  readonly #test: TestPlatform;
  readonly #certificate: string;
  readonly #client: Deno.HttpClient;

  constructor(test: TestPlatform, { certificate, key }: Pick<TestIdentity, "certificate" | "key">) {
    this.#test = test;
    this.#certificate = certificate;
    this.#client = Deno.createHttpClient({ caCerts: [test.platform.ca], cert: certificate, key });
  }

  async post(
    body: Uint8Array<ArrayBuffer>,
    headers: Record<string, string>,
    path: Path = "/v1/opamp",
  ): Promise<Response> {
    const url = `${this.#test.platform.url}${path}`;
    return await fetch(url, { method: "POST", client: this.#client, headers, body });
  }

  /** Asks for the proof, with the challenge. */
  async proof(path: Path = "/v1/opamp", challenge = randomToken()): Promise<Proof> {
    const response = await this.post(new Uint8Array(), { [CHALLENGE_HEADER]: challenge }, path);
    const bytes = await response.bytes();
    if (response.status !== 200) throw new Error(`${response.status} ${new TextDecoder().decode(bytes)}`);
    return readJsonMessage(fromBinary(ServerToAgentSchema, bytes).customMessage!, proofSchema);
  }

  /** Sends a message sealed to the key of a proof. */
  async sealed({ sealingKey }: Proof, message: ToServer, path: Path = "/v1/opamp"): Promise<Polled> {
    const fingerprint = readCertificate(this.#certificate).fingerprint;
    const context = sealingContext(path, this.#test.platform.authority, fingerprint);
    const { body, openAnswer } = await seal(fromBase64Url(sealingKey!), context, encode(message));
    const response = await this.post(body, { "content-type": SEALED_TYPE }, path);
    const bytes = await response.bytes();
    if (response.status !== 200) throw new Error(`${response.status} ${new TextDecoder().decode(bytes)}`);
    const answer = decodeAnswer(await openAnswer(bytes));
    return { status: 200, ...answer, message: fromBinary(ServerToAgentSchema, answer.message) };
  }

  /** Sends a message as a plain OpAMP agent does. */
  async plain(message: ToServer): Promise<Polled> {
    const response = await this.post(encode(message), { "content-type": PLAIN_TYPE });
    const bytes = await response.bytes();
    if (response.headers.get("content-type") !== PLAIN_TYPE) {
      throw new Error(`${response.status} ${new TextDecoder().decode(bytes)}`);
    }
    const { status } = response;
    return { status, message: fromBinary(ServerToAgentSchema, bytes), more: false, closed: 0 };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

export function encode(message: ToServer): Uint8Array<ArrayBuffer> {
  return toBinary(AgentToServerSchema, create(AgentToServerSchema, message));
}
