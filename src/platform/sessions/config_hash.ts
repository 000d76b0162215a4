import { sha256, sha256Hex } from "../../base/digest.ts";
import { canonicalJson } from "../../base/json.ts";
import type { WantedProcess } from "../store/processes.ts";

/** The hash of a set of definitions, over their sorted names and their bodies, as hex. */
export function configHash(wanted: readonly WantedProcess[]): string {
  return sha256(
    canonicalJson(Object.fromEntries(wanted.map(({ name, definition }) => [name, sha256Hex(definition)]))),
  ).toHex();
}
