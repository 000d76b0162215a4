import * as z from "zod/mini";
import "../base/schema_messages.ts";
import { fromUtf8, utf8 } from "../base/encoding.ts";
import { canonicalJson } from "../base/json.ts";

/**
 * Checkpoints: entries whose body is a statement about all entries before, signed by the agent's key. The signature
 * is over the hash of the entry, and so over the statement and the whole chain up to it.
 */

/** Why a checkpoint was made. */
const CHECKPOINT_CAUSES = ["start", "count", "day", "pruning", "renewal", "stop"] as const;
export type CheckpointCause = (typeof CHECKPOINT_CAUSES)[number];

const count = z.int().check(z.minimum(0));
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));

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
