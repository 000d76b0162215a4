import { sha256Hex } from "../base/digest.ts";
import type { LedgerEntry } from "./ledger.ts";
import { entryHash, GENESIS } from "./ledger.ts";

/** What a check of the whole chain found. */
export interface Verification {
  /** Entries that were read. */
  entries: number;
  /** The hash of the last entry: compare it with one that was noted earlier to find a cut end. */
  head: string;
  /** The first thing that is wrong, or undefined when all is well. */
  fault: { number: number; reason: string } | undefined;
}

/**
 * Checks a chain from its first entry to its last: each body against its digest, each entry against its hash,
 * each link against the entry before. Needs nothing but the entries.
 */
export function verifyChain(entries: Iterable<LedgerEntry & { body: Uint8Array }>): Verification {
  let head = GENESIS;
  let count = 0;
  for (const entry of entries) {
    const reason = faultOf(entry, count + 1, head);
    if (reason) return { entries: count, head, fault: { number: entry.number, reason } };
    count++;
    head = entry.hash;
  }
  return { entries: count, head, fault: undefined };
}

function faultOf(
  entry: LedgerEntry & { body: Uint8Array },
  expected: number,
  previous: string,
): string | undefined {
  if (entry.number !== expected) return `entry ${expected} is missing: the next one is ${entry.number}`;
  if (entry.previous !== previous) {
    return "it does not follow the entry before it: one was changed or swapped";
  }
  if (entry.hash !== entryHash(entry)) return "its fields were changed after it was written";
  if (entry.bytes !== entry.body.length) return "its body has another length than it had";
  if (entry.sha256 !== sha256Hex(entry.body)) return "its body was changed after it was written";
  return undefined;
}
