import type { PayloadClass } from "../../gate/policy/options.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import type { SpoolEntry, UnreadableRow } from "../../spool/spool.ts";

/** What the gate says of the oldest entries of a channel. */
export interface Batch {
  /** What leaves, or undefined when nothing of them does. */
  message: CustomMessageInit | undefined;
  /** Which records it carries, as the ledger names them. */
  records: string;
  /** Everything up to and with this number leaves with it or never; undefined when nothing is decided. */
  through: number | undefined;
  /** Entries that are not what their channel carries. */
  unfit: UnreadableRow[];
  /** Why what follows stays in the spool for now; undefined when it does not. */
  held: string | undefined;
}

/** A channel of the spool, as the drain sees it. */
export interface SpooledChannel {
  /** Its name in the spool. */
  readonly name: string;
  /** The capability of its custom messages: a platform that does not have it gets none. */
  readonly capability: string;
  /** Its share of the way out beside the other channels, when they compete for it. */
  readonly weight: number;
  /** Asks how far the platform has the records of a stream; the answer is an acknowledgement. */
  resume(stream: string): CustomMessageInit;
  /** Makes a batch of the first of these entries, as many as fit into so many bytes and the policy lets leave. */
  batch(stream: string, entries: readonly SpoolEntry[], maxBytes: number): Batch;
}

/** What the platform says of a channel: how far it has its records, and how much more it takes. */
export interface Acknowledgement {
  stream: string;
  /** Cumulative: everything up to and with this number is stored. */
  through: number;
  credit?: number | undefined;
}

/** A message that passed the gate and stands in the ledger: it may be sent once that is committed. */
export interface Written {
  frame: Uint8Array<ArrayBuffer>;
  payloadClass: PayloadClass;
  /** The ledger's number of it. */
  entry: number;
}
