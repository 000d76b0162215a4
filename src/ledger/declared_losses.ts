import { isDatabaseError } from "../base/sqlite.ts";
import type { LedgerReader } from "./reader.ts";
import type { Break, Losses, Range } from "./statement.ts";
import { isWithin, statementIn } from "./statement.ts";

/** A break as it is met: what it is said to have held is not known then. */
export type MetBreak = Omit<Break, "known">;

/**
 * What the checkpoints of a ledger state to be lost. They count before they are checked, because they stand behind what
 * they excuse; so only those are taken of which the signature and the certificate are there, and each is checked when
 * its turn comes.
 */
export class DeclaredLosses {
  readonly #entries = new Map<string, Break>();
  readonly #receipts = new Map<string, Break>();
  readonly #bodies: Range[] = [];
  readonly #signatures: Range[] = [];
  readonly #certificates = new Set<string>();

  constructor(reader: LedgerReader) {
    for (const lost of lossesIn(reader)) {
      for (const each of lost.entries) this.#entries.set(keyOf(each), each);
      for (const each of lost.receipts) this.#receipts.set(keyOf(each), each);
      this.#bodies.push(...lost.bodies);
      this.#signatures.push(...lost.signatures);
      for (const fingerprint of lost.certificates) this.#certificates.add(fingerprint);
    }
  }

  /** What is stated of just this break in the chain of entries. */
  entries(met: MetBreak): Break | undefined {
    return this.#entries.get(keyOf(met));
  }

  /** The same of the chain of receipts. */
  receipts(met: MetBreak): Break | undefined {
    return this.#receipts.get(keyOf(met));
  }

  /** Whether a receipt is one of those that are lost. */
  lacksReceipt(receipt: number): boolean {
    return this.#receipts.values().some(({ after, next }) => after < receipt && receipt < next);
  }

  lacksBody(number: number): boolean {
    return isWithin(this.#bodies, number);
  }

  lacksSignature(number: number): boolean {
    return isWithin(this.#signatures, number);
  }

  lacksCertificate(fingerprint: string): boolean {
    return this.#certificates.has(fingerprint);
  }
}

function* lossesIn(reader: LedgerReader): Generator<Losses> {
  try {
    for (const { body } of reader.signedStatements()) {
      const statement = statementIn(body); // one that is none is named when its turn comes
      if (statement?.lost && reader.certificate(statement.certificate) !== undefined) yield statement.lost;
    }
  } catch (error) {
    if (!isDatabaseError(error)) throw error; // what cannot be read is named when its turn comes
  }
}

function keyOf({ after, hash, next }: MetBreak): string {
  return `${after} ${hash} ${next}`;
}
