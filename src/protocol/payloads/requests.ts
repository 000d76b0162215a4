import * as z from "zod/mini";
import { closedObject, leaf, pattern, text, wholeNumber } from "../../base/quick_schemas.ts";
import { count, uuid } from "./fields.ts";
import {
  MAX_CHUNK_RECORDS,
  MAX_ERROR_CHARS,
  MAX_NAME_CHARS,
  MAX_PARAMETERS_BYTES,
  MAX_REQUEST_LIFE_MS,
} from "../../base/limits.ts";

/**
 * Requests of a person at the platform, and their answers. Custom messages `io.sallyport.<class>/1`, one capability
 * for each class, so that whoever reads a message knows its class without reading what it carries.
 *
 * - platform to agent: `request`, again in every session until it has ended; `credit`; `cancel`; `settled`
 * - agent to platform: `waiting`, `accepted`, `chunk`, or one of {@linkcode ENDINGS}
 *
 * An answer is NDJSON, cut into chunks at the ends of lines. The agent sends none beyond the platform's credit, and
 * keeps each until the platform has stored it.
 */

/** The number of a chunk, from 0. */
const chunkNumber = count;
const words = text(0, MAX_ERROR_CHARS);

/** How far the platform is with an answer. Absolute, so that one that is lost or comes twice does no harm. */
const progress = {
  /** Chunks with a lower number are stored. */
  stored: chunkNumber,
  /** Chunks with a lower number may be sent. */
  credit: chunkNumber,
};

export const requestSchema = closedObject({
  /** UUID version 7. The first request with an id counts; the same again asks how it stands. */
  id: uuid,
  /** What the class takes. */
  parameters: leaf<Record<string, unknown>>(
    `an object of at most ${MAX_PARAMETERS_BYTES} bytes as JSON`,
    (value) =>
      typeof value === "object" && value !== null && !Array.isArray(value) &&
      JSON.stringify(value).length <= MAX_PARAMETERS_BYTES,
  ),
  /** Who asks, as the platform names them, and why. */
  requester: text(1, MAX_NAME_CHARS),
  reason: words,
  /** How long from now on the answer is of use: a length of time, as the two clocks may differ. */
  expiresInMs: wholeNumber(0, MAX_REQUEST_LIFE_MS),
  ...progress,
});
export type Request = z.infer<typeof requestSchema>;

export const creditSchema = closedObject({ id: uuid, ...progress });
export type Credit = z.infer<typeof creditSchema>;

export const cancelSchema = closedObject({ id: uuid, reason: words });

/** The platform has the outcome of a request: the agent need not tell it again. */
export const settledSchema = closedObject({ id: uuid });

/** `waiting`: somebody at the agent must approve it; `accepted`: it is being answered, and nothing is there yet. */
export const NOTICES = ["waiting", "accepted"] as const;
export type Notice = (typeof NOTICES)[number];
export const noticeSchema = closedObject({ id: uuid });

/** How a request ends without a whole answer; the type of the message that says so. */
export const ENDINGS = ["refused", "failed", "cancelled", "expired"] as const;
export type Ending = (typeof ENDINGS)[number];
export const endingSchema = closedObject({
  id: uuid,
  /** A code of `base/errors.ts`. */
  code: pattern("a code", /^[a-z][a-z.-]{0,59}$/),
  reason: words,
  /** When the same request may succeed; none where somebody has to change something first. */
  retryAfterMs: z.optional(count),
});
export type EndingMessage = z.infer<typeof endingSchema>;

export const chunkSchema = closedObject({
  id: uuid,
  index: chunkNumber,
  /** What its class carries; each is one line of the answer. */
  records: z.array(z.unknown()).check(z.maxLength(MAX_CHUNK_RECORDS)),
  /**
   * SHA-256 over that of the chunk before (32 bytes; none for the first) and the lines of this one, each with its line
   * feed. So the last stands for the whole answer in its order, and whoever was interrupted can go on with it, which a
   * hash over all bytes does not allow.
   */
  sha256: pattern("64 hex digits", /^[0-9a-f]{64}$/),
  /** In the last chunk only: what the whole answer has, in bytes with line feeds. */
  last: z.optional(closedObject({ records: count, bytes: count })),
});
export type Chunk = z.infer<typeof chunkSchema>;
