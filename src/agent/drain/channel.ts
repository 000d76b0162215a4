import type { CustomMessageInit } from "../../protocol/messages.ts";
import type { SpoolEntry, UnreadableRow } from "../../spool/spool.ts";

/** What became of entries that were to leave together. */
export interface Batch {
  /** What leaves, or undefined when the policy withholds all of it. */
  message: CustomMessageInit | undefined;
  /** Which records it carries, as the ledger names them. */
  records: string;
  /** Entries that are not what their channel carries: they have no place in any batch. */
  unfit: UnreadableRow[];
}

/** A channel of the spool, as the drain sees it. */
export interface SpooledChannel {
  /** Its name in the spool. */
  readonly name: string;
  /** Its share of the way out beside the other channels, when they compete for it. */
  readonly weight: number;
  /** Asks how far the platform has the records of a stream; the answer is an acknowledgement. */
  resume(stream: string): CustomMessageInit;
  /** Makes a batch of entries, each judged by the gate. */
  batch(stream: string, entries: readonly SpoolEntry[]): Batch;
}

/** What the platform says of a channel: how far it has its records, and how much more it takes. */
export interface Acknowledgement {
  stream: string;
  /** Cumulative: everything up to and with this number is stored. */
  through: number;
  credit?: number | undefined;
}
