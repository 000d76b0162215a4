/** What can be wrong with a ledger. */
const FAULT_KINDS = [
  "removed", // an entry is not there
  "moved", // an entry stands in another place than it was written to
  "edited", // a field of an entry is not what was written
  "body", // a body is not what was sent, or is gone without having been pruned
  "checkpoint", // a checkpoint's statement does not agree with the entries before it
  "signature", // a checkpoint is not signed by the key that it names
  "certificate", // a checkpoint is signed by a key that there is no reason to trust
  "receipt", // a receipt was removed or edited
  "truncated", // the end was cut off
  "rewritten", // the chain is sound, but it is not the one that was noted elsewhere
  "unreadable", // the database cannot give a row
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** The first thing that is wrong with a ledger. */
export interface Fault {
  what: FaultKind;
  /** The entry that it concerns; of one that is not there, the number that it had. */
  number: number;
  /** Of a receipt, its own number. */
  receipt?: number;
  /** In words that go on from "at entry 12: ". */
  reason: string;
}

/** Ends a check; caught where the check began. */
export class FaultFound extends Error {
  constructor(readonly fault: Fault) {
    super(fault.reason);
  }
}

/** Says what is wrong, and ends the check. */
export function fault(what: FaultKind, number: number, reason: string, receipt?: number): never {
  throw new FaultFound({ what, number, reason, ...receipt === undefined ? {} : { receipt } });
}
