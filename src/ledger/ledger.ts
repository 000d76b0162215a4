import type { Clock } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { command, queryOne, transaction } from "../base/sqlite.ts";
import { Chain } from "./chain.ts";
import type { LedgerEntry, Receipt } from "./entry.ts";
import { GENESIS, receiptHash } from "./entry.ts";
import { heartbeatSequence } from "./heartbeats.ts";
import { LossRecord } from "./losses.ts";

/** What is known of a payload when it is about to leave. */
export interface Intent extends Pick<LedgerEntry, "class" | "records" | "policy"> {
  /** The exact bytes that will be sent. */
  body: Uint8Array;
}

/** The append-only, hash-chained record of everything that left this machine, written before it left. */
export class Ledger {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #chain: Chain;
  readonly #givenReceipts: number;
  readonly #lastReceipt: () => Receipt | undefined;
  readonly #isAcknowledged: (number: number) => unknown;
  readonly #addReceipt: (...values: (string | number)[]) => number;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#chain = new Chain(db, clock);
    this.#givenReceipts = new LossRecord(db).given().receipts;
    this.#lastReceipt = queryOne(db, "SELECT * FROM ledger_receipts ORDER BY receipt DESC LIMIT 1");
    this.#isAcknowledged = queryOne(db, "SELECT 1 FROM ledger_receipts WHERE number = ?");
    this.#addReceipt = command(db, "INSERT INTO ledger_receipts VALUES (?, ?, ?, ?)");
  }

  /**
   * Writes down a payload and commits it to the disk; only then may it be sent. Heartbeats one after another
   * share an entry, and still each is on the disk before it is sent.
   */
  intend({ body, ...content }: Intent): LedgerEntry {
    return transaction(
      this.#db,
      () =>
        heartbeatSequence(body) === undefined
          ? this.#chain.append({ ...content, kind: "payload" }, body)
          : this.#chain.heartbeat(content, body),
    );
  }

  /**
   * Notes that the platform has stored a payload; a second time changes nothing. Call it within the transaction
   * that empties the spool.
   */
  acknowledge(number: number): void {
    if (this.#isAcknowledged(number)) return;
    const last = this.#lastReceipt();
    const receipt = {
      receipt: Math.max(last?.receipt ?? 0, this.#givenReceipts) + 1,
      number,
      time: this.#clock.now(),
    };
    this.#addReceipt(receipt.receipt, number, receipt.time, receiptHash(receipt, last?.hash ?? GENESIS));
  }
}
