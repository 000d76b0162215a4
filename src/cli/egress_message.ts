import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { isFieldSet, ScalarType } from "@bufbuild/protobuf";
import { formatUuid } from "../base/ids.ts";
import { fromUtf8 } from "../base/encoding.ts";
import type { Json } from "../base/json.ts";
import { isoTime } from "../base/clock.ts";
import { decodeFrame } from "../protocol/codec.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";

/**
 * A frame as JSON that a person can read: every field that was sent, bytes as the text, the JSON or the UUID that
 * they are, else as hex. Fields that this program does not know are shown too.
 *
 * @throws {SallyportError} `platform.protocol` when it is no message.
 */
export function readableMessage(frame: Uint8Array): Json {
  return readable(decodeFrame(AgentToServerSchema, frame), AgentToServerSchema);
}

function readable(message: Message, schema: DescMessage): Json {
  const object: Record<string, Json> = {};
  for (const field of schema.fields) {
    if (isFieldSet(message, field)) object[field.jsonName] = readableField(field, valueOf(message, field));
  }
  if (message.$unknown) {
    object.unknownFields = message.$unknown.map(({ no, data }) => ({ field: no, hex: data.toHex() }));
  }
  // A wrapper around one value of several kinds.
  if (schema.name === "AnyValue" && Object.keys(object).length === 1) return Object.values(object)[0]!;
  return object;
}

/** The value of a field that is set; one of several that exclude each other stands inside their group. */
function valueOf(message: Message, field: DescField): unknown {
  const at = message as unknown as Record<string, unknown>;
  return field.oneof ? (at[field.oneof.localName] as { value: unknown }).value : at[field.localName];
}

function readableField(field: DescField, value: unknown): Json {
  switch (field.fieldKind) {
    case "list":
      return (value as unknown[]).map((each) => readableValue(field, each));
    case "map":
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>).map((
          [key, each],
        ) => [key, readableValue(field, each)]),
      );
    default:
      return readableValue(field, value);
  }
}

function readableValue(field: DescField, value: unknown): Json {
  if (field.message) return readable(value as Message, field.message);
  if (field.enum) return field.enum.value[Number(value)]?.name ?? Number(value);
  if (field.scalar === ScalarType.BYTES) return readableBytes(field.name, value as Uint8Array);
  if (typeof value !== "bigint") return value as Json;
  if (field.name.endsWith("_unix_nano")) return isoTime(Number(value / 1_000_000n));
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}

function readableBytes(name: string, bytes: Uint8Array): Json {
  if (name === "instance_uid" && bytes.length === 16) return formatUuid(bytes);
  if (name.endsWith("hash")) return bytes.toHex();
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch {
    return bytes.toHex();
  }
  try {
    if (name === "data") return JSON.parse(text);
  } catch {
    // then it is plain text, or bytes that happen to be text
  }
  return /\p{Cc}/u.test(text.replaceAll(/[\n\r\t]/g, "")) ? bytes.toHex() : text;
}
