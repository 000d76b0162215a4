import { canonicalJson } from "../base/json.ts";
import { verifySignature } from "../trust/signature.ts";
import type { DeclaredLosses } from "./declared_losses.ts";
import type { Receipt } from "./entry.ts";
import { GENESIS, payloadsOf, receiptHash } from "./entry.ts";
import { fault } from "./fault.ts";
import type { KeyRing, SigningKey } from "./key_ring.ts";
import type { StoredEntry } from "./reader.ts";
import type { Break, Statement } from "./statement.ts";
import { signedBytes, statementIn } from "./statement.ts";

/** What the checkpoints say, checked against what was seen of the entries and receipts. */
export class CheckpointCheck {
  readonly #keys: KeyRing;
  readonly #receipts: Iterator<Receipt>;
  readonly #losses: DeclaredLosses;
  readonly #lostReceipts: Break[] = [];
  #lostSignatures = 0;
  #totals = new Map<string, { payloads: number; bytes: number }>();
  /** Whether entries were lost since the last statement, which may be missing from the totals. */
  #areTotalsOpen = false;
  /** Whether a checkpoint was lost that may have introduced a key. */
  #areKeysOpen = false;
  #receiptCount = 0;
  #receiptsRead = { count: 0, hash: GENESIS };
  #count = 0;
  /** Bodies up to this entry may be missing. */
  #prunedThrough = 0;
  #last: { number: number; key: SigningKey } | undefined;
  #firstUntrusted: number | undefined;
  #trustedThrough = 0;

  constructor(keys: KeyRing, receipts: Iterable<Receipt>, losses: DeclaredLosses) {
    this.#keys = keys;
    this.#losses = losses;
    this.#receipts = receipts[Symbol.iterator]();
  }

  get count(): number {
    return this.#count;
  }

  /** The last one, and who signed it. */
  get last(): { number: number; key: SigningKey } | undefined {
    return this.#last;
  }

  /** Entries up to this one are covered by a signature that there is a reason to trust. */
  get trustedThrough(): number {
    return this.#trustedThrough;
  }

  /** The first checkpoint behind {@linkcode trustedThrough}. */
  get firstUntrusted(): number | undefined {
    return this.#firstUntrusted;
  }

  get receipts(): number {
    return this.#receiptCount;
  }

  /** Where receipts are missing, as signed checkpoints state. */
  get lostReceipts(): Break[] {
    return this.#lostReceipts;
  }

  /** How many checkpoints cannot prove who made them any more. */
  get lostSignatures(): number {
    return this.#lostSignatures;
  }

  /** Entries are lost, and whatever they said: checkpoints among them, too. */
  crossBreak(): void {
    this.#areTotalsOpen = this.#areKeysOpen = true;
  }

  /** Takes an entry that is whole. */
  take(entry: StoredEntry): void {
    if (entry.kind === "checkpoint") return this.#checkpoint(entry);
    const { payloads, bytes } = this.#totals.get(entry.class) ?? { payloads: 0, bytes: 0 };
    this.#totals.set(entry.class, { payloads: payloads + payloadsOf(entry), bytes: bytes + entry.bytes });
  }

  /** Takes the receipts that are left, behind the last checkpoint. */
  finish(): void {
    while (this.#nextReceipt());
  }

  #checkpoint({ number, hash, body, signature }: StoredEntry): void {
    if (!body && this.#losses.lacksBody(number)) {
      this.#areKeysOpen = true;
      return;
    }
    const statement = this.#statement(number, body);
    const { certificate, introduces, totals, prunedThrough, lost } = statement;
    if (this.#areTotalsOpen) this.#totals = new Map(Object.entries(totals));
    else if (canonicalJson(totals) !== canonicalJson(Object.fromEntries(this.#totals))) {
      fault("checkpoint", number, "its totals are not those of the entries before it");
    }
    this.#areTotalsOpen = false;
    if (prunedThrough < this.#prunedThrough || prunedThrough >= number) {
      fault("checkpoint", number, `it says that bodies were pruned up to ${prunedThrough}, which cannot be`);
    }
    this.#checkReceipts(number, statement.receipts);
    // Whoever signs comes first, so that it can vouch for the next.
    const own = introduces.filter((fingerprint) => fingerprint === certificate);
    const next = introduces.filter((fingerprint) => fingerprint !== certificate);
    const isUnprovable = (!signature && this.#losses.lacksSignature(number)) || this.#isGone(certificate);
    for (const each of [...own, ...next]) {
      // After a loss, a certificate may have to come again.
      if (this.#isGone(each) || (lost && this.#keys.has(each))) continue;
      this.#keys.introduce(each, isUnprovable ? each : certificate, number);
    }
    this.#prunedThrough = prunedThrough;
    if (isUnprovable) {
      this.#lostSignatures++;
      return;
    }
    if (this.#areKeysOpen && !this.#keys.has(certificate)) {
      this.#keys.introduce(certificate, certificate, number);
    }
    const { certificate: pem, ...key } = this.#keys.signer(certificate, number);
    if (!signature) fault("signature", number, "its signature is gone");
    if (!verifySignature(pem, signedBytes(hash), signature)) {
      fault("signature", number, `its signature is not one of the key ${certificate} over this very entry`);
    }
    this.#count++;
    this.#last = { number, key };
    if (!key.trusted) this.#firstUntrusted ??= number;
    else [this.#trustedThrough, this.#firstUntrusted] = [number, undefined];
  }

  /** Whether a certificate is lost, and stated to be. */
  #isGone(fingerprint: string): boolean {
    return this.#losses.lacksCertificate(fingerprint) && !this.#keys.isKept(fingerprint);
  }

  #statement(number: number, body: Uint8Array | null): Statement {
    if (!body) fault("body", number, "its statement is gone");
    return statementIn(body) ?? fault("checkpoint", number, "its statement cannot be understood");
  }

  #checkReceipts(number: number, { count, hash }: Statement["receipts"]): void {
    if (this.#losses.lacksReceipt(count)) return;
    while (this.#receiptsRead.count < count) {
      if (this.#nextReceipt()) continue;
      const missing = this.#receiptsRead.count + 1;
      fault("receipt", number, `receipt ${missing} is missing; this checkpoint counted ${count}`, missing);
    }
    if (this.#receiptsRead.count === count && this.#receiptsRead.hash === hash) return;
    fault("receipt", number, `the receipts up to ${count} are not those that this checkpoint counted`, count);
  }

  #nextReceipt(): boolean {
    const { value, done } = this.#receipts.next();
    if (done) return false;
    const { receipt, number, hash } = value;
    const expected = this.#receiptsRead.count + 1;
    const follows = hash === receiptHash(value, this.#receiptsRead.hash);
    const { count: after, hash: before } = this.#receiptsRead;
    const stated = receipt === expected && follows
      ? undefined
      : this.#losses.receipts({ after, hash: before, next: receipt });
    if (stated) this.#lostReceipts.push(stated);
    else if (receipt !== expected) fault("receipt", number, `receipt ${expected} is missing`, expected);
    else if (!follows) {
      fault("receipt", number, `its receipt (${receipt}) was changed or moved`, receipt);
    }
    this.#receiptCount++;
    this.#receiptsRead = { count: receipt, hash };
    return true;
  }
}
