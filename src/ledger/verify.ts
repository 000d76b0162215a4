import { messageOf } from "../base/errors.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import type { MetBreak } from "./declared_losses.ts";
import { DeclaredLosses } from "./declared_losses.ts";
import { GENESIS, payloadsOf } from "./entry.ts";
import type { Fault } from "./fault.ts";
import { fault, FaultFound } from "./fault.ts";
import type { SigningKey } from "./key_ring.ts";
import { KeyRing } from "./key_ring.ts";
import type { Noted } from "./noted.ts";
import { NotedHashes } from "./noted.ts";
import type { LedgerReader, StoredEntry } from "./reader.ts";
import type { Break } from "./statement.ts";
import { statementIn } from "./statement.ts";
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
  /** Entries behind the last checkpoint. */
  unsigned: number;
  /** What is not there since the agent's database was damaged, as signed checkpoints state; undefined for nothing. */
  lost: LostParts | undefined;
  /** The first thing that is wrong, or undefined when all is well. */
  fault: Fault | undefined;
}

/** Parts of a ledger that are lost without hiding what is there. */
export interface LostParts {
  /** Where entries, and where receipts, are missing. */
  entries: Break[];
  receipts: Break[];
  /** Bodies of entries that are there, and signatures of checkpoints that are. */
  bodies: number;
  signatures: number;
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
      if (walk.entries % STEP === 0) yield walk.entries;
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
  readonly #losses: DeclaredLosses;
  readonly #seen = { entries: 0, payloads: 0, bytes: 0, pruned: 0, unsigned: 0 };
  readonly #lost: Pick<LostParts, "entries" | "bodies"> = { entries: [], bodies: 0 };
  #number = 0;
  #previous = GENESIS;
  #head = { number: 0, hash: GENESIS };
  #claimedPruning: number | undefined;
  #bodyGone: number | undefined;

  constructor(reader: LedgerReader, { certificates = [], noted = [] }: Knowledge) {
    this.#reader = reader;
    this.#certificates = certificates;
    this.#keys = new KeyRing((fingerprint) => reader.certificate(fingerprint), certificates);
    this.#losses = new DeclaredLosses(reader);
    this.#checkpoints = new CheckpointCheck(this.#keys, reader.receipts(), this.#losses);
    this.#noted = new NotedHashes(noted);
  }

  /** The number of the next entry. */
  get next(): number {
    return this.#number + 1;
  }

  /** How many entries were taken. */
  get entries(): number {
    return this.#seen.entries;
  }

  take(entry: StoredEntry): void {
    this.#crossBreak(entry);
    checkEntry(entry, this.next, this.#previous);
    this.#checkpoints.take(entry);
    this.#noted.take(entry);
    const { number, kind, bytes, previous, hash } = entry;
    if (entry.body === null) this.#withoutBody(entry);
    this.#number = number;
    this.#seen.entries++;
    this.#seen.unsigned = kind === "checkpoint" ? 0 : this.#seen.unsigned + 1;
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
      lost: this.#lostParts(),
      fault: found,
    };
  }

  /** Goes on behind a break in the chain, if a signed checkpoint states just this one. */
  #crossBreak({ number, previous }: StoredEntry): void {
    if (number === this.next && previous === this.#previous) return;
    const met: MetBreak = { after: this.#number, hash: this.#previous, next: number };
    const stated = this.#losses.entries(met);
    if (!stated) return;
    this.#lost.entries.push(stated);
    this.#checkpoints.crossBreak();
    this.#noted.crossBreak(met);
    [this.#number, this.#previous] = [number - 1, previous];
  }

  #lostParts(): LostParts | undefined {
    const { lostReceipts: receipts, lostSignatures: signatures } = this.#checkpoints;
    const lost = { ...this.#lost, receipts, signatures };
    const isNothing = lost.entries.length + receipts.length + lost.bodies + signatures === 0;
    return isNothing ? undefined : lost;
  }

  #withoutBody({ number, kind }: StoredEntry): void {
    if (this.#losses.lacksBody(number)) return void this.#lost.bodies++;
    if (kind !== "payload") fault("body", number, "its body is gone; such bodies are not pruned");
    // Whether the last checkpoint really says so shows when its turn comes.
    this.#claimedPruning ??= claimedPruning(this.#reader);
    if (number <= this.#claimedPruning) this.#seen.pruned++;
    else this.#bodyGone ??= number;
  }

  #checkTrust(): void {
    const { last, firstUntrusted } = this.#checkpoints;
    if (!last) fault("certificate", this.#number, "no entry of this ledger is signed");
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
  // One that is none is named when its turn comes.
  return statementIn(reader.lastStatement() ?? new Uint8Array())?.prunedThrough ?? 0;
}

function faultOf(error: unknown, number: number): Fault {
  if (error instanceof FaultFound) return error.fault;
  // The second is for numbers that no number of ours can be.
  const isUnreadable = isDatabaseError(error) || (error as { code?: unknown }).code === "ERR_OUT_OF_RANGE";
  if (!isUnreadable) throw error;
  return { what: "unreadable", number, reason: `the database cannot give it: ${messageOf(error)}` };
}
