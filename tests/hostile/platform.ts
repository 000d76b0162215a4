import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import type { ZodMiniType } from "zod/mini";
import { systemClock } from "../../src/base/clock.ts";
import { sha256, sha256Hex } from "../../src/base/digest.ts";
import { utf8 } from "../../src/base/encoding.ts";
import { parseUuid } from "../../src/base/ids.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import type { AgentToServer, CustomMessage } from "../../src/protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import type { TrackedDocument } from "../../src/protocol/payloads/data.ts";
import { dataBatchSchema } from "../../src/protocol/payloads/data.ts";
import type { RecordBatch } from "../../src/protocol/payloads/stream.ts";
import { resumeSchema } from "../../src/protocol/payloads/stream.ts";
import type { TrackingRecord } from "../../src/protocol/payloads/tracking.ts";
import { trackingBatchSchema } from "../../src/protocol/payloads/tracking.ts";
import { CHALLENGE_HEADER } from "../../src/protocol/proof.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { privateKeyFromPem } from "../../src/trust/keys.ts";
import { signProof } from "../../src/trust/proof.ts";

export type ToAgent = MessageInitShape<typeof ServerToAgentSchema>;
import type { Fleet } from "../support/fleet.ts";

/**
 * A platform that was taken over: it has every key of the real one, stands at its address, proves itself, and then
 * does as a test says.
 */
export class HostilePlatform implements AsyncDisposable {
  /** Every byte that agents sent, after decryption. */
  readonly received: Uint8Array[] = [];
  /** What of it was messages of OpAMP. */
  readonly messages: AgentToServer[] = [];
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: WebSocketServer;
  #live: { socket: WebSocket; uid: Uint8Array<ArrayBuffer> } | undefined;
  #sessions = 0;
  /** How far each stream is stored. */
  readonly #stored = new Map<string, number>();
  #isGreeted = false;

  private constructor(server: ReturnType<typeof createServer>, sockets: WebSocketServer) {
    this.#server = server;
    this.#sockets = sockets;
  }

  /** Takes the place of a fleet's platform, with its keys and at its address. */
  static async inPlaceOf(fleet: Fleet): Promise<HostilePlatform> {
    await fleet.stopPlatform();
    const { port, platformData } = fleet;
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${platformData}/${name}`));
    const [identity, { certificate, key }] = [await read("identity.json"), await read("server.json")];
    const proofKey = await privateKeyFromPem(identity.proofKey);
    const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
    const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 });
    const hostile = new HostilePlatform(server, sockets);
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
      socket.on("error", () => {});
      sockets.handleUpgrade(request, socket, head as never, async (peer) => {
        const der = new Uint8Array((request.socket as TLSSocket).getPeerCertificate(true).raw);
        const uid = parseUuid(readCertificate(der).instanceUid!)!;
        peer.on("error", () => {});
        peer.on("message", (data: Uint8Array) => hostile.#take(peer, new Uint8Array(data)));
        const time = systemClock.now();
        const subject = {
          authority: request.headers.host!,
          challenge: String(request.headers[CHALLENGE_HEADER]),
          clientFingerprint: sha256Hex(der),
          time,
        };
        const signature = await signProof(proofKey, subject);
        hostile.#live = { socket: peer, uid };
        hostile.#sessions++;
        hostile.#isGreeted = false;
        hostile.say({ customMessage: jsonMessage(CUSTOM.proof, "proof", { protocol: 1, time, signature }) });
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
    return hostile;
  }

  /** How often an agent has connected. */
  get sessions(): number {
    return this.#sessions;
  }

  /** Whether the agent has said something on the connection that stands. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  #take(socket: WebSocket, bytes: Uint8Array): void {
    this.received.push(bytes);
    if (bytes[0] !== 0) return;
    const message = fromBinary(AgentToServerSchema, bytes.subarray(1));
    this.messages.push(message);
    if (this.#live?.socket !== socket) return;
    this.#isGreeted = true;
    const { customMessage } = message;
    if (customMessage?.capability === CUSTOM.tracking) this.#acknowledge(customMessage, trackingBatchSchema);
    if (customMessage?.capability === CUSTOM.data) this.#acknowledge(customMessage, dataBatchSchema);
    // All that it could ever get, it asks for.
    this.say({ capabilities: 0x7fn, customCapabilities: { capabilities: Object.values(CUSTOM) } });
  }

  /** Says that it has stored everything, as it must to get more. */
  #acknowledge(message: CustomMessage, schema: ZodMiniType<RecordBatch<unknown>>): void {
    const { stream, through } = message.type === "batch"
      ? readJsonMessage(message, schema)
      : { ...readJsonMessage(message, resumeSchema), through: 0 };
    const stored = Math.max(this.#stored.get(stream) ?? 0, through);
    this.#stored.set(stream, stored);
    this.say({ customMessage: jsonMessage(message.capability, "ack", { stream, through: stored }) });
  }

  /** Sends a message. */
  say(message: ToAgent): void {
    const body = toBinary(
      ServerToAgentSchema,
      create(ServerToAgentSchema, { instanceUid: this.#live?.uid, ...message }),
    );
    this.raw(new Uint8Array([0, ...body]));
  }

  /** Sends these bytes as one WebSocket message, or this text. */
  raw(data: Uint8Array | string): void {
    this.#live?.socket.send(data);
  }

  /** Reads nothing more of the connection that stands, or reads on. */
  deaf(isDeaf: boolean): void {
    if (isDeaf) this.#live?.socket.pause();
    else this.#live?.socket.resume();
  }

  /** Offers these processes. */
  deploy(definitions: Record<string, string>): void {
    const configMap = Object.fromEntries(
      Object.entries(definitions).map((
        [name, text],
      ) => [name, { body: utf8(text), contentType: "text/yaml" }]),
    );
    this.say({ remoteConfig: { config: { configMap }, configHash: sha256(JSON.stringify(definitions)) } });
  }

  /** What agents told of their runs. */
  get records(): TrackingRecord[] {
    return this.#recordsOf(CUSTOM.tracking, trackingBatchSchema);
  }

  /** What agents told of documents. */
  get documents(): TrackedDocument[] {
    const records = this.#recordsOf(CUSTOM.data, dataBatchSchema);
    return records.flatMap((record) => record.kind === "documents" ? record.documents : []);
  }

  #recordsOf<R>(capability: string, schema: ZodMiniType<RecordBatch<R>>): R[] {
    const batches = this.messages.flatMap(({ customMessage: message }) =>
      message?.capability === capability && message.type === "batch" ? [readJsonMessage(message, schema)] : []
    );
    return batches.flatMap(({ records }) => records.map(({ record }) => record));
  }

  /** Ends the connection that stands. */
  close(code: number, reason = ""): void {
    this.#live?.socket.close(code, reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
