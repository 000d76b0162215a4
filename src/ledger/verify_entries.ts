import { sha256Hex } from "../base/digest.ts";
import type { LedgerEntry } from "./entry.ts";
import { entryHash } from "./entry.ts";
import { fault } from "./fault.ts";
import { expandHeartbeats } from "./heartbeats.ts";
import type { StoredEntry } from "./reader.ts";

/** How far from its place a moved entry is looked for. */
const NEIGHBOURHOOD = 1_000;

/**
 * Checks that an entry is the one that follows `previous`, and that it is what was written.
 *
 * @param expected its number
 */
export function checkEntry(entry: StoredEntry, expected: number, previous: string): void {
  if (entry.number > expected) fault("removed", expected, `it is missing; the next one is ${entry.number}`);
  if (entry.number < expected) fault("edited", entry.number, "no entry has a number below 1");
  if (entry.hash !== entryHash(entry)) nameTheChange(entry, previous);
  if (entry.previous !== previous) {
    fault(
      "moved",
      entry.number,
      `it does not follow entry ${expected - 1}: one of the two was exchanged`,
    );
  }
  if (entry.body !== null) checkBody(entry, entry.body);
}

/** The bytes that an entry stands for; undefined when its body cannot be what it should. */
export function contentOf({ kind, count }: LedgerEntry, body: Uint8Array): Uint8Array | undefined {
  return kind === "heartbeats" ? expandHeartbeats(body, count ?? 0) : body;
}

/** Whether these are the bytes that an entry stands for. */
export function isContent({ bytes, sha256 }: LedgerEntry, content: Uint8Array): boolean {
  return content.length === bytes && sha256Hex(content) === sha256;
}

function checkBody(entry: StoredEntry, body: Uint8Array): void {
  const content = contentOf(entry, body);
  if (!content) fault("body", entry.number, "its body is not the first of so many heartbeats");
  if (content.length !== entry.bytes) {
    fault("body", entry.number, `its body has ${content.length} bytes, and ${entry.bytes} were sent`);
  }
  if (sha256Hex(content) !== entry.sha256) {
    fault("body", entry.number, "its body was changed: it has another SHA-256 than what was sent");
  }
}

/** The hash of an entry does not fit its fields: why, as far as that can be told. */
function nameTheChange(entry: StoredEntry, previous: string): never {
  const { number } = entry;
  // One that follows as it should stands in its place, so it is one of the fields.
  const isElsewhere = entry.previous !== previous;
  for (
    let from = Math.max(1, number - NEIGHBOURHOOD);
    isElsewhere && from <= number + NEIGHBOURHOOD;
    from++
  ) {
    if (entryHash({ ...entry, number: from }) === entry.hash) {
      fault("moved", number, `what stands in its place is entry ${from}`);
    }
  }
  fault("edited", number, "a field of it was changed after it was written");
}
