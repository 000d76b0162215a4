import { sha256Hex } from "../base/digest.ts";

/**
 * What an entry stands for: one payload; several heartbeats that differ in their sequence number only (see
 * `heartbeats.ts`); or a checkpoint, which the agent's key has signed and which was not sent (see `statement.ts`).
 */
export const ENTRY_KINDS = ["payload", "heartbeats", "checkpoint"] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** One line of the ledger, without its body. `docs/ledger.md` describes it for those who write a verifier. */
export interface LedgerEntry {
  /** 1 for the first; no number is left out. */
  number: number;
  kind: EntryKind;
  /** Milliseconds since 1970 UTC; of heartbeats, when the first was sent. */
  time: number;
  /** Of heartbeats, when the last was sent; otherwise null. */
  until: number | null;
  /** The class of what leaves, as the policy names it; empty for a checkpoint. */
  class: string;
  /** Which records it carries, in words that a person can search for, such as "seq 12-40". */
  records: string;
  /** Of heartbeats, how many they are; otherwise null. */
  count: number | null;
  /** How many bytes were sent; of a checkpoint, the size of its statement. */
  bytes: number;
  /** SHA-256 of the bytes that were sent, or of the statement, lower-case hex. */
  sha256: string;
  /** SHA-256 of the policy that let it pass, lower-case hex; empty for a checkpoint. */
  policy: string;
  /** The hash of the entry before, or {@linkcode GENESIS}. */
  previous: string;
  /** See {@linkcode entryHash}. */
  hash: string;
}

/** The platform's word that it has stored a payload. Receipts are a chain of their own, beside the entries. */
export interface Receipt {
  /** 1 for the first; no number is left out. */
  receipt: number;
  /** The entry that it is for. */
  number: number;
  /** Milliseconds since 1970 UTC. */
  time: number;
  /** See {@linkcode receiptHash}. */
  hash: string;
}

/** What the first entry and the first receipt follow. */
export const GENESIS = "0".repeat(64);

/**
 * The hash that ties an entry to all those before it: SHA-256 over the canonical JSON (`base/json.ts`) of its
 * fields, without those that are null, and without `kind` where it is "payload".
 */
export function entryHash(entry: Omit<LedgerEntry, "hash">): string {
  const { number, kind, time, until, class: payloadClass, records, count, bytes, sha256, policy, previous } =
    entry;
  // In the order of the alphabet this already is the canonical form, in half the time.
  return sha256Hex(JSON.stringify({
    bytes,
    class: payloadClass,
    count: count ?? undefined,
    kind: kind === "payload" ? undefined : kind,
    number,
    policy,
    previous,
    records,
    sha256,
    time,
    until: until ?? undefined,
  }));
}

/** The hash that ties a receipt to all those before it. */
export function receiptHash({ receipt, number, time }: Omit<Receipt, "hash">, previous: string): string {
  return sha256Hex(JSON.stringify({ number, previous, receipt, time }));
}

/** How many payloads an entry stands for. */
export function payloadsOf({ kind, count }: Pick<LedgerEntry, "kind" | "count">): number {
  return count ?? (kind === "payload" ? 1 : 0);
}
