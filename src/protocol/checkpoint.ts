import type { Attributes } from "./attributes.ts";

/**
 * The attribute of an agent's description that names the last checkpoint of its ledger, as `NUMBER HASH`. With it
 * the platform has a word on what the agent wrote down that nobody on the agent's machine can take back.
 */
export const CHECKPOINT_ATTRIBUTE = "sallyport.ledger.checkpoint";

/** The number and the hash (SHA-256, lower-case hex) of a ledger's entry. */
export interface CheckpointMark {
  number: number;
  hash: string;
}

/** The attribute for a checkpoint; none as long as there is no checkpoint. */
export function checkpointAttributes(last: CheckpointMark | undefined): Attributes {
  return last ? { [CHECKPOINT_ATTRIBUTE]: checkpointText(last) } : {};
}

/** A checkpoint as text: `NUMBER HASH`. */
export function checkpointText({ number, hash }: CheckpointMark): string {
  return `${number} ${hash}`;
}

/** The checkpoint of such a text, or undefined when it is none. */
export function parseCheckpoint(value: string): CheckpointMark | undefined {
  const match = /^([1-9][0-9]{0,14}) ([0-9a-f]{64})$/.exec(value);
  return match ? { number: Number(match[1]), hash: match[2]! } : undefined;
}
