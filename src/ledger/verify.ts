import { messageOf } from "../base/errors.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import { GENESIS, payloadsOf } from "./entry.ts";
import type { Fault } from "./fault.ts";
import { fault, FaultFound } from "./fault.ts";
import type { SigningKey } from "./key_ring.ts";
import { KeyRing } from "./key_ring.ts";
import type { Noted } from "./noted.ts";
import { NotedHashes } from "./noted.ts";
import type { LedgerReader, StoredEntry } from "./reader.ts";
import { decodeStatement } from "./statement.ts";
import { CheckpointCheck } from "./verify_checkpoints.ts";
import { checkEntry } from "./verify_entries.ts";

/** What a verifier knows beside the ledger. */
export interface Knowledge {
  /** Certificates (PEM) of the agent or of its platform's CA that are trusted. */
  certificates?: readonly string[];
  noted?: readonly Noted[];
}

/** What a check of a whole ledger found. */
export interface Verification {
  /** What follows is about the entries before the fault, if there is one. */
  entries: number;
  payloads: number;
  bytes: number;
  receipts: number;
  /** Payloads whose bodies were pruned: of them it is known what was sent only by its SHA-256. */
  pruned: number;
  /** The last entry that will not change any more: note it elsewhere, and a cut end can be found. */
  head: { number: number; hash: string };
  checkpoints: {
    count: number;
    /** The last one, or 0. */
    last: number;
    /** Entries up to this one are covered by a key that the given certificates make trusted. */
    trustedThrough: number;
  };
  keys: SigningKey[];
  /** The first thing that is wrong, or undefined when all is well. */
  fault: Fault | undefined;
}

/** Entries between two signs of progress. */
const STEP = 64;

/**
 * Checks a ledger from its first entry to its last: each body against its digest, each entry against its hash, each
 * link against the entry before, each receipt, and each checkpoint's statement and signature. Reads it as it
 * was at one moment. Gives the number of entries so far again and again, and in the end what was found.
 */
export function* verifyLedger(
  reader: LedgerReader,
  knowledge: Knowledge = {},
): Generator<number, Verification> {
  using _snapshot = reader.snapshot();
  const walk = new Walk(reader, knowledge);
  try {
    for (const entry of reader.entries()) {
      walk.take(entry);
      if (entry.number % STEP === 0) yield entry.number;
    }
    walk.finish();
    return walk.result(undefined);
  } catch (error) {
    return walk.result(faultOf(error, walk.next));
  }
}

/** One way through a ledger: what was seen so far, and what must be true of the next entry. */
class Walk {
  readonly #reader: LedgerReader;
  readonly #certificates: readonly string[];
  readonly #keys: KeyRing;
  readonly #checkpoints: CheckpointCheck;
  readonly #noted: NotedHashes;
  readonly #seen = { entries: 0, payloads: 0, bytes: 0, pruned: 0 };
  #previous = GENESIS;
  #head = { number: 0, hash: GENESIS };
  #claimedPruning: number | undefined;
  #bodyGone: number | undefined;

  constructor(reader: LedgerReader, { certificates = [], noted = [] }: Knowledge) {
    this.#reader = reader;
    this.#certificates = certificates;
    this.#keys = new KeyRing((fingerprint) => reader.certificate(fingerprint), certificates);
    this.#checkpoints = new CheckpointCheck(this.#keys, reader.receipts());
    this.#noted = new NotedHashes(noted);
  }

  /** The number of the next entry. */
  get next(): number {
    return this.#seen.entries + 1;
  }

  take(entry: StoredEntry): void {
    checkEntry(entry, this.next, this.#previous);
    this.#checkpoints.take(entry);
    this.#noted.take(entry);
    const { number, kind, bytes, previous, hash } = entry;
    if (entry.body === null) this.#withoutBody(entry);
    this.#seen.entries++;
    this.#seen.payloads += payloadsOf(entry);
    if (kind !== "checkpoint") this.#seen.bytes += bytes;
    // Heartbeats at the end may still grow.
    this.#head = kind === "heartbeats" ? { number: number - 1, hash: previous } : { number, hash };
    this.#previous = hash;
  }

  finish(): void {
    this.#checkpoints.finish();
    if (this.#reader.highestMentioned() >= this.next) {
      fault(
        "truncated",
        this.next,
        "it is missing, with all behind it, though parts of them are still there",
      );
    }
    if (this.#bodyGone !== undefined) {
      fault("body", this.#bodyGone, "its body is gone, and no checkpoint says that it was pruned");
    }
    this.#noted.finish(this.next);
    if (this.#certificates.length > 0 && this.#seen.entries > 0) this.#checkTrust();
  }

  result(found: Fault | undefined): Verification {
    return {
      ...this.#seen,
      receipts: this.#checkpoints.receipts,
      head: this.#head,
      checkpoints: {
        count: this.#checkpoints.count,
        last: this.#checkpoints.last?.number ?? 0,
        trustedThrough: this.#checkpoints.trustedThrough,
      },
      keys: this.#keys.keys,
      fault: found,
    };
  }

  #withoutBody({ number, kind }: StoredEntry): void {
    if (kind !== "payload") fault("body", number, "its body is gone; such bodies are not pruned");
    // Whether the last checkpoint really says so shows when its turn comes.
    this.#claimedPruning ??= claimedPruning(this.#reader);
    if (number <= this.#claimedPruning) this.#seen.pruned++;
    else this.#bodyGone ??= number;
  }

  #checkTrust(): void {
    const { last, firstUntrusted } = this.#checkpoints;
    if (!last) fault("certificate", this.#seen.entries, "no entry of this ledger is signed");
    if (firstUntrusted === undefined) return;
    const { agent, fingerprint } = last.key;
    const who = `agent ${agent ?? "unknown"}, certificate ${fingerprint}`;
    fault("certificate", firstUntrusted, `no certificate that was given vouches for its key (${who})`);
  }
}

/** {@linkcode verifyLedger} without signs of progress. */
export function verification(reader: LedgerReader, knowledge?: Knowledge): Verification {
  const checking = verifyLedger(reader, knowledge);
  for (;;) {
    const { done, value } = checking.next();
    if (done) return value;
  }
}

function claimedPruning(reader: LedgerReader): number {
  try {
    return decodeStatement(reader.lastStatement() ?? new Uint8Array()).prunedThrough;
  } catch {
    return 0; // and it is named when its turn comes
  }
}

function faultOf(error: unknown, number: number): Fault {
  if (error instanceof FaultFound) return error.fault;
  // The second is for numbers that no number of ours can be.
  const isUnreadable = isDatabaseError(error) || (error as { code?: unknown }).code === "ERR_OUT_OF_RANGE";
  if (!isUnreadable) throw error;
  return { what: "unreadable", number, reason: `the database cannot give it: ${messageOf(error)}` };
}
