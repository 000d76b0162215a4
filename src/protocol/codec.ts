import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { SallyportError } from "../base/errors.ts";
import { MAX_MESSAGE_BYTES } from "../base/limits.ts";

/**
 * Encodes a message as one WebSocket frame of OpAMP: a header, which is the varint 0, then the protobuf
 * (specification, "WebSocket Message Format").
 *
 * @throws {SallyportError} `platform.protocol` when the frame would be over the limit.
 */
export function encodeFrame<T extends DescMessage>(
  schema: T,
  message: MessageShape<T>,
): Uint8Array<ArrayBuffer> {
  const frame = addHeader(toBinary(schema, message));
  checkSize(frame.length);
  return frame;
}

/**
 * Decodes one WebSocket frame of OpAMP.
 *
 * @throws {SallyportError} `platform.protocol` when it is over the limit, has another header, or is not the
 * protobuf that it should be.
 */
export function decodeFrame<T extends DescMessage>(schema: T, frame: Uint8Array): MessageShape<T> {
  checkSize(frame.length);
  if (frame[0] !== 0) {
    throw new SallyportError(
      "platform.protocol",
      `a message of ${frame.length} bytes begins with ${frame[0] ?? "nothing"}; OpAMP needs the header 0`,
    );
  }
  try {
    return fromBinary(schema, removeHeader(frame));
  } catch (cause) {
    throw new SallyportError("platform.protocol", `a message is not a valid ${schema.typeName}`, { cause });
  }
}

/** The WebSocket frame of an encoded message, which over HTTP stands by itself. */
export function addHeader(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(1 + message.length);
  frame.set(message, 1);
  return frame;
}

/** The encoded message in a WebSocket frame; it shares the frame's memory. */
export function removeHeader<B extends ArrayBufferLike>(frame: Uint8Array<B>): Uint8Array<B> {
  return frame.subarray(1);
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_MESSAGE_BYTES) return;
  throw new SallyportError(
    "platform.protocol",
    `a message has ${bytes} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`,
  );
}
