import { utf8Length } from "../base/encoding.ts";

/** Splits what a run tells of into parts of at most so many items and, as JSON in UTF-8, so many bytes; one item always fits. */
export function inParts<T>(items: readonly T[], max: { items: number; bytes: number }): T[][] {
  const parts: T[][] = [];
  let bytes = Infinity;
  for (const item of items) {
    const own = utf8Length(JSON.stringify(item)) + 1; // and a comma
    if (parts.at(-1)?.length === max.items || bytes + own > max.bytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(item);
    bytes += own;
  }
  return parts;
}
