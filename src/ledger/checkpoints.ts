import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import { command, query, queryOne, transaction } from "../base/sqlite.ts";
import { readCertificate } from "../trust/certificate.ts";
import { Chain } from "./chain.ts";
import type { LedgerEntry } from "./entry.ts";
import { GENESIS } from "./entry.ts";
import type { CheckpointCause, Signer, Statement } from "./statement.ts";
import { decodeStatement, encodeStatement, signedBytes } from "./statement.ts";

/** A checkpoint, as far as it matters to those who note it. */
export interface Checkpoint extends Pick<LedgerEntry, "number" | "time" | "hash"> {
  statement: Statement;
}

/** Makes checkpoints: an entry with its statement and its signature, in one transaction. */
export class Checkpoints {
  readonly #db: Database;
  readonly #chain: Chain;
  readonly #last: () => Omit<Checkpoint, "statement"> & { body: Uint8Array } | undefined;
  readonly #totalsSince: (number: number) => { class: string; payloads: number; bytes: number }[];
  readonly #receipts: () => Statement["receipts"] | undefined;
  readonly #isKnown: (fingerprint: string) => unknown;
  readonly #keep: (fingerprint: string, certificate: string) => number;
  readonly #addSignature: (number: number, signature: Uint8Array) => number;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#chain = new Chain(db, clock);
    this.#last = queryOne(
      db,
      `SELECT number, time, hash, body FROM ledger LEFT JOIN ledger_bodies USING (number)
       WHERE kind = 'checkpoint' ORDER BY number DESC LIMIT 1`,
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
   * The last one, or undefined.
   *
   * @throws {SallyportError} `state.unreadable` when its statement is damaged or gone.
   */
  last(): Checkpoint | undefined {
    const row = this.#last();
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

  /**
   * Makes one.
   *
   * @param prunedThrough bodies up to this entry are going to be removed
   * @param successor a certificate (PEM) that will sign after the signer's own
   */
  make(signer: Signer, cause: CheckpointCause, prunedThrough: number, successor?: string): Checkpoint {
    const certificate = readCertificate(signer.certificate).fingerprint;
    return transaction(this.#db, () => {
      const before = this.last();
      const statement: Statement = {
        format: 1,
        cause,
        certificate,
        introduces: [signer.certificate, successor].flatMap((pem) =>
          pem === undefined ? [] : this.#meet(pem)
        ),
        totals: addTotals(before?.statement.totals ?? {}, this.#totalsSince(before?.number ?? 0)),
        receipts: this.#receipts() ?? { count: 0, hash: GENESIS },
        prunedThrough,
      };
      const { number, time, hash } = this.#chain.append(
        { kind: "checkpoint", class: "", records: `checkpoint: ${cause}`, policy: "" },
        encodeStatement(statement),
      );
      this.#addSignature(number, signer.sign(signedBytes(hash)));
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
