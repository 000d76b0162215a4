import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";

/** RFC 1035, 4.1.1: what a name server says beside an answer. */
const RESPONSE_CODES = { "no error": 0, "server failure": 2, "no such name": 3 } as const;
const HEADER_BYTES = 12;
/** A pointer to the name in the question; type A, class IN, good for no time at all; four bytes follow. */
const ANSWER_HEAD = [0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4];
const TYPE_A = 1;

/** A name server that has one address for every name, and can be as bad as any. */
export class NameServer implements AsyncDisposable {
  /** How it answers from now on. */
  says: keyof typeof RESPONSE_CODES | "nothing" = "no error";
  readonly #socket: Socket;

  private constructor(socket: Socket, address: string) {
    this.#socket = socket;
    socket.on("message", (question, { port, address: asker }) => {
      if (this.says !== "nothing") socket.send(answer(question, this.says, address), port, asker);
    });
  }

  /** Listens at port 53 of `host`, and answers every question for an address with `address`. */
  static async start(host: string, address: string): Promise<NameServer> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(53, host, resolve);
    });
    return new NameServer(socket, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/** The answer to a question (RFC 1035, 4.1), without whatever stood behind the question. */
function answer(asked: Uint8Array, says: keyof typeof RESPONSE_CODES, address: string): Uint8Array {
  const typeAt = asked.indexOf(0, HEADER_BYTES) + 1;
  const question = asked.subarray(HEADER_BYTES, typeAt + 4);
  const hasAnswer = says === "no error" && asked[typeAt + 1] === TYPE_A;
  const header = [
    asked[0]!,
    asked[1]!,
    0x81,
    0x80 | RESPONSE_CODES[says],
    0,
    1,
    0,
    hasAnswer ? 1 : 0,
    0,
    0,
    0,
    0,
  ];
  const record = hasAnswer ? [...ANSWER_HEAD, ...address.split(".").map(Number)] : [];
  return Uint8Array.from([...header, ...question, ...record]);
}
