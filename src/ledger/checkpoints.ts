import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import { command, query, queryOne, transaction } from "../base/sqlite.ts";
import { readCertificate } from "../trust/certificate.ts";
import { Chain } from "./chain.ts";
import type { LedgerEntry } from "./entry.ts";
import { GENESIS } from "./entry.ts";
import { LossRecord } from "./losses.ts";
import type { CheckpointCause, Signer, Statement } from "./statement.ts";
import { decodeStatement, encodeStatement, isWithin, signedBytes } from "./statement.ts";

/** A checkpoint, as far as it matters to those who note it. */
export interface Checkpoint extends Pick<LedgerEntry, "number" | "time" | "hash"> {
  statement: Statement;
}

/** Makes checkpoints: an entry with its statement and its signature, in one transaction. */
export class Checkpoints {
  readonly #db: Database;
  readonly #chain: Chain;
  readonly #losses: LossRecord;
  readonly #before: (number: number) => Omit<Checkpoint, "statement"> & { body: Uint8Array } | undefined;
  readonly #totalsSince: (number: number) => { class: string; payloads: number; bytes: number }[];
  readonly #receipts: () => Statement["receipts"] | undefined;
  readonly #isKnown: (fingerprint: string) => unknown;
  readonly #keep: (fingerprint: string, certificate: string) => number;
  readonly #addSignature: (number: number, signature: Uint8Array) => number;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#chain = new Chain(db, clock);
    this.#losses = new LossRecord(db);
    this.#before = queryOne(
      db,
      `SELECT number, time, hash, body FROM ledger LEFT JOIN ledger_bodies USING (number)
       WHERE kind = 'checkpoint' AND number < ? ORDER BY number DESC LIMIT 1`,
    );
    this.#totalsSince = query(
      db,
      `SELECT class, sum(coalesce(count, 1)) AS payloads, sum(bytes) AS bytes FROM ledger
       WHERE number > ? AND kind <> 'checkpoint' GROUP BY class`,
    );
    this.#receipts = queryOne(
      db,
      "SELECT receipt AS count, hash FROM ledger_receipts ORDER BY receipt DESC LIMIT 1",
    );
    this.#isKnown = queryOne(db, "SELECT 1 FROM ledger_certificates WHERE fingerprint = ?");
    this.#keep = command(db, "INSERT INTO ledger_certificates VALUES (?, ?)");
    this.#addSignature = command(db, "INSERT INTO ledger_signatures VALUES (?, ?)");
  }

  /**
   * The last one of which more is left than its entry, or undefined.
   *
   * @throws {SallyportError} `state.unreadable` when its statement is damaged or gone.
   */
  last(): Checkpoint | undefined {
    const lost = this.#losses.latest()?.bodies ?? [];
    let row = this.#before(Number.MAX_SAFE_INTEGER);
    while (row && isWithin(lost, row.number)) row = this.#before(row.number);
    if (!row) return undefined;
    const { number, time, hash, body } = row;
    try {
      return { number, time, hash, statement: decodeStatement(body) };
    } catch (cause) {
      throw new SallyportError("state.unreadable", `checkpoint ${number} of the ledger cannot be read`, {
        cause,
        remedy:
          "See what `sallyport egress verify` says. What is sent is still written down, but not signed.",
      });
    }
  }

  /** Whether something was lost that no checkpoint has stated. */
  hasLosses(): boolean {
    return this.#losses.unstated() !== undefined;
  }

  /**
   * Makes one. It states what was lost, if there is something, which then is its cause.
   *
   * @param prunedThrough bodies up to this entry are going to be removed
   * @param successor a certificate (PEM) that will sign after the signer's own
   */
  make(signer: Signer, cause: CheckpointCause, prunedThrough: number, successor?: string): Checkpoint {
    const certificate = readCertificate(signer.certificate).fingerprint;
    return transaction(this.#db, () => {
      const before = this.last();
      const lost = this.#losses.unstated();
      const statement: Statement = {
        format: 1,
        cause: lost ? "damage" : cause,
        certificate,
        introduces: [signer.certificate, successor].flatMap((pem) =>
          pem === undefined ? [] : this.#meet(pem)
        ),
        totals: addTotals(before?.statement.totals ?? {}, this.#totalsSince(before?.number ?? 0)),
        receipts: this.#receipts() ?? { count: 0, hash: GENESIS },
        prunedThrough,
        ...lost ? { lost } : {},
      };
      const { number, time, hash } = this.#chain.append(
        { kind: "checkpoint", class: "", records: `checkpoint: ${statement.cause}`, policy: "" },
        encodeStatement(statement),
      );
      this.#addSignature(number, signer.sign(signedBytes(hash)));
      this.#losses.stated(number);
      return { number, time, hash, statement };
    });
  }

  /** Whether a certificate (PEM) was introduced before. */
  knows(pem: string): boolean {
    return this.#isKnown(readCertificate(pem).fingerprint) !== undefined;
  }

  /** Keeps a certificate; gives its fingerprint if it was not kept before. */
  #meet(pem: string): string[] {
    if (this.knows(pem)) return [];
    const { fingerprint } = readCertificate(pem);
    this.#keep(fingerprint, pem);
    return [fingerprint];
  }
}

function addTotals(
  totals: Statement["totals"],
  more: readonly { class: string; payloads: number; bytes: number }[],
): Statement["totals"] {
  const sum = { ...totals };
  for (const { class: name, payloads, bytes } of more) {
    sum[name] = {
      payloads: (sum[name]?.payloads ?? 0) + payloads,
      bytes: (sum[name]?.bytes ?? 0) + bytes,
    };
  }
  return sum;
}
