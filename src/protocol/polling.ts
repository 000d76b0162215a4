import { concat } from "@std/bytes/concat";
import { SallyportError } from "../base/errors.ts";
import { MAX_MESSAGE_BYTES } from "../base/limits.ts";

/**
 * OpAMP over plain HTTP, for where a WebSocket cannot be had (specification, "Plain HTTP Transport"): each message of
 * the agent is a POST to the same path, and the answer to it is the platform's next message.
 *
 * A WebSocket is proved once, for all of its messages. Here each request may meet another peer. So the agent asks for
 * a proof first, by a POST with the challenge in its header and an empty body; the proof names a sealing key, and
 * every message after it is sealed to that key (`trust/sealing.ts`), as is every answer to its sender. A plain OpAMP
 * agent sends its messages as they are, with the content type of the specification.
 */

/** A message as the specification has it. */
export const PLAIN_TYPE = "application/x-protobuf";
/** A message or an answer that is sealed. */
export const SEALED_TYPE = "application/vnd.sallyport.sealed";

/** What a sealed message is bound to: it means nothing at another path, address or for another certificate. */
export function sealingContext(path: string, authority: string, clientFingerprint: string): string {
  return ["sallyport polling v1", path, authority, clientFingerprint].join("\n");
}

type Bytes = Uint8Array<ArrayBuffer>;

/** What a sealed answer holds. */
export interface PolledAnswer {
  /** A ServerToAgent. */
  message: Bytes;
  /** Whether the platform has more to say than one answer carries: ask again at once. */
  more: boolean;
  /** The close code with which the platform ends the session, as on a WebSocket; 0 when it goes on. */
  closed: number;
}

const HEADER_BYTES = 3;
/** The longest answer in its encoded form. */
export const MAX_ANSWER_BYTES = MAX_MESSAGE_BYTES + HEADER_BYTES;

/** An answer as bytes: the close code (2 bytes, big-endian), 1 if there is more, and the message. */
export function encodeAnswer({ message, more, closed }: PolledAnswer): Bytes {
  return concat([Uint8Array.of(closed >> 8, closed & 0xff, more ? 1 : 0), message]);
}

/**
 * The answer in such bytes.
 *
 * @throws {SallyportError} `platform.protocol` when they are too few.
 */
export function decodeAnswer(bytes: Bytes): PolledAnswer {
  if (bytes.length < HEADER_BYTES) {
    throw new SallyportError(
      "platform.protocol",
      `an answer has ${bytes.length} bytes; its header alone has ${HEADER_BYTES}`,
    );
  }
  return {
    closed: bytes[0]! << 8 | bytes[1]!,
    more: bytes[2] === 1,
    message: bytes.slice(HEADER_BYTES),
  };
}

/**
 * Reads a body to its end, but not beyond a limit.
 *
 * @throws {SallyportError} `platform.protocol` when there is more of it.
 */
export async function readBody(body: AsyncIterable<Uint8Array> | null, limitBytes: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (body) {
    for await (const part of body) {
      length += part.length;
      if (length > limitBytes) {
        throw new SallyportError("platform.protocol", `a body has more than ${limitBytes} bytes`);
      }
      parts.push(part);
    }
  }
  return concat(parts);
}
