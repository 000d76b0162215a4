import * as z from "zod/mini";
import "../base/schema_messages.ts";
import { fromUtf8, utf8 } from "../base/encoding.ts";
import { canonicalJson } from "../base/json.ts";

/**
 * Checkpoints: entries whose body is a statement about all entries before, signed by the agent's key. The signature
 * is over the hash of the entry, and so over the statement and the whole chain up to it.
 */

/** Why a checkpoint was made. */
const CHECKPOINT_CAUSES = ["start", "count", "day", "pruning", "renewal", "stop", "damage"] as const;
export type CheckpointCause = (typeof CHECKPOINT_CAUSES)[number];

const count = z.int().check(z.minimum(0));
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/**
 * A place where a chain is broken: behind the number `after`, whose hash is `hash`, comes `next`. Of those between, if
 * there are any, `known` are known to have been written; the other numbers may have been given, or never.
 */
const breakSchema = z.strictObject({ after: count, hash: digest, known: count, next: count });
export type Break = z.infer<typeof breakSchema>;

/** The first and the last of numbers without a gap. */
const rangeSchema = z.tuple([count, count]);
export type Range = z.infer<typeof rangeSchema>;

export function isWithin(ranges: readonly Range[], number: number): boolean {
  return ranges.some(([first, last]) => first <= number && number <= last);
}

/** Everything that the ledger lacks since the database that held it was damaged. */
const lossesSchema = z.strictObject({
  /** Breaks in the chain of entries, and in that of receipts. */
  entries: z.array(breakSchema),
  receipts: z.array(breakSchema),
  /** Entries that are there, and their bodies are not. */
  bodies: z.array(rangeSchema),
  /** Checkpoints whose signatures are not there. */
  signatures: z.array(rangeSchema),
  /** Certificates that checkpoints name, and that are not there. */
  certificates: z.array(digest),
});
export type Losses = z.infer<typeof lossesSchema>;

const statementSchema = z.strictObject({
  format: z.literal(1),
  cause: z.enum(CHECKPOINT_CAUSES),
  /** The certificate whose key signed: SHA-256 of its DER, as everywhere below. */
  certificate: digest,
  /** Certificates that sign from here on: the first of an agent, or the next one, vouched for by the one before. */
  introduces: z.array(digest),
  /** What was sent since the ledger began, by class. */
  totals: z.record(z.string(), z.strictObject({ payloads: count, bytes: count })),
  /** The receipts so far: how many, and the hash of the last. */
  receipts: z.strictObject({ count, hash: digest }),
  /** Bodies of payloads up to and with this entry were removed, or are about to be. */
  prunedThrough: count,
  /** Only when there is something: all that is lost, not only what was lost since an earlier statement. */
  lost: z.optional(lossesSchema),
});
export type Statement = z.infer<typeof statementSchema>;

/** The statement as the body of an entry. */
export function encodeStatement(statement: Statement): Uint8Array<ArrayBuffer> {
  return utf8(canonicalJson(statement));
}

/** The statement of a body. Throws when it is none. */
export function decodeStatement(body: Uint8Array): Statement {
  return statementSchema.parse(JSON.parse(fromUtf8(body)));
}

/** The statement of a body; undefined when it is none. */
export function statementIn(body: Uint8Array): Statement | undefined {
  try {
    return decodeStatement(body);
  } catch {
    return undefined;
  }
}

/** What the agent's key signs. The first line keeps it from ever being valid in another protocol of that key. */
export function signedBytes(hash: string): Uint8Array<ArrayBuffer> {
  return utf8(`sallyport ledger checkpoint v1\n${hash}`);
}

/** The agent's key, as far as the ledger needs it. */
export interface Signer {
  /** PEM. */
  certificate: string;
  /** ECDSA with SHA-256, DER. */
  sign(data: Uint8Array): Uint8Array;
}
