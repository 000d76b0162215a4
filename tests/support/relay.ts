import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { agentFromSource } from "../../scripts/lib/agent_process.ts";
import { Fleet, freePort } from "./fleet.ts";

/**
 * What becomes of a connection: reset before a byte; reset when the server has begun to answer; what the server says
 * comes one byte a second; everything is taken, and nobody answers.
 */
export type Fault = "reset at once" | "reset in the handshake" | "one byte a second" | "silence";

/** The end of a connection that the relay itself has opened. */
type FarEnd = Socket;

/** A TCP relay on loopback between agents and a platform, which treats connections as badly as it is told. */
export class Relay implements AsyncDisposable {
  /** What becomes of connections from now on; those that stand keep what they have. */
  fault: Fault | undefined;
  /** The port of this machine to which connections go from now on. */
  port: number;
  /** Resets a connection once its client has sent so many bytes. */
  cutAfterBytes = Infinity;
  /** How many were reset for that. */
  cuts = 0;
  /** Bytes that clients sent, and bytes that they were sent. */
  readonly carried = { up: 0, down: 0 };
  readonly #server: Server;
  readonly #connections = new Map<Socket, FarEnd | undefined>();

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** Relays to a port of this machine. */
  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections of clients stand. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The far end of every connection vanishes, and the client hears nothing of it: no FIN, no RST, no byte. */
  vanish(): void {
    for (const [client, server] of this.#connections) {
      client.removeAllListeners("data").resume();
      server?.removeAllListeners("close").destroy();
    }
  }

  #serve(client: Socket): void {
    const { fault } = this;
    this.#connections.set(client, undefined);
    client.on("error", () => {}); // `close` follows
    client.once("close", () => this.#connections.delete(client));
    if (fault === "reset at once") return void client.resetAndDestroy();
    if (fault === "silence") return void client.resume();
    const server = connect(this.port, "127.0.0.1");
    this.#connections.set(client, server);
    server.on("error", () => {});
    server.once("close", (failed) => void (failed ? client.resetAndDestroy() : client.end()));
    client.once("close", () => server.destroy());
    let sent = 0;
    client.on("data", (bytes: Uint8Array) => {
      this.carried.up += bytes.length;
      sent += bytes.length;
      if (sent <= this.cutAfterBytes) return void server.write(bytes);
      this.cuts++;
      client.resetAndDestroy();
    });
    const answer = this.#answerer(client, fault);
    server.on("data", (bytes: Uint8Array) => {
      this.carried.down += bytes.length;
      answer(bytes);
    });
  }

  /** How what the server says comes to the client. */
  #answerer(client: Socket, fault: Fault | undefined): (bytes: Uint8Array) => void {
    if (fault === undefined) return (bytes) => void client.write(bytes);
    if (fault === "reset in the handshake") {
      return (bytes) => void client.write(bytes.subarray(0, 10), () => client.resetAndDestroy());
    }
    const waiting: number[] = [];
    const timer = setInterval(() => {
      if (waiting.length > 0) client.write(Uint8Array.of(waiting.shift()!));
    }, 1_000);
    client.once("close", () => clearInterval(timer));
    return (bytes) => void waiting.push(...bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const client of this.#connections.keys()) client.destroy();
    await closed;
  }
}

/** An enrolled agent's home and a platform, with a relay between them. */
export async function relayedFleet(
  heartbeatSeconds: number,
): Promise<{ relay: Relay; fleet: Fleet } & AsyncDisposable> {
  const port = await freePort();
  const relay = await Relay.start(port);
  const fleet = await Fleet.start(() => agentFromSource(relay.authority), port);
  await fleet.stopPlatform();
  await fleet.startPlatform({ hostnames: [relay.authority], heartbeatSeconds });
  await fleet.enrol();
  return {
    relay,
    fleet,
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
    },
  };
}
