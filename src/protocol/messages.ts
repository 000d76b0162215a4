import type * as z from "zod/mini";
import type { $ZodError } from "zod/v4/core";
import "../base/schema_messages.ts";
import { SallyportError } from "../base/errors.ts";
import { fromUtf8, utf8 } from "../base/encoding.ts";
import type { CustomMessage } from "./generated/opamp_pb.ts";

/** What the fields of a custom message are made from. */
export interface CustomMessageInit {
  capability: string;
  type: string;
  data: Uint8Array<ArrayBuffer>;
}

/** A custom message whose data is JSON, so that the ledger reads as plain text. */
export function jsonMessage(capability: string, type: string, payload: unknown): CustomMessageInit {
  return { capability, type, data: utf8(JSON.stringify(payload)) };
}

/**
 * The payload of a custom message, checked against the schema of its type.
 *
 * @throws {SallyportError} `platform.protocol` naming the first field that does not fit.
 */
export function readJsonMessage<T extends z.ZodMiniType>(message: CustomMessage, schema: T): z.output<T> {
  const name = `${message.capability} ${message.type}`;
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(message.data));
  } catch (cause) {
    throw new SallyportError("platform.protocol", `the data of a custom message (${name}) is not JSON`, {
      cause,
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new SallyportError("platform.protocol", `of a custom message (${name}), ${misfit(result.error)}`);
}

/** Where a value does not fit a schema, and why. */
export function misfit({ issues: [issue] }: $ZodError): string {
  return `it does not fit its schema at "${issue?.path.join(".")}": ${issue?.message}`;
}
