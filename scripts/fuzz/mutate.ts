import { concat } from "@std/bytes/concat";
import { utf8 } from "../../src/base/encoding.ts";

/** Random changes to inputs, the same for the same seed. */

/** A source of random numbers in [0, 1) that can be repeated: mulberry32 (Tommy Ettinger, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const MAX_INPUT_BYTES = 64 * 1024;
/** Numbers at the edges of what lengths and counters can be. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

type Bytes = Uint8Array<ArrayBuffer>;

/** An input made from those of a corpus by a few changes, one after the other. */
export function mutate(corpus: readonly Bytes[], dictionary: readonly string[], random: () => number): Bytes {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const below = (limit: number) => Math.floor(random() * limit);
  let input = pick(corpus);
  for (let changes = 1 + below(6); changes > 0; changes--) {
    const at = below(input.length + 1);
    const end = Math.min(input.length, at + 1 + below(16));
    const without = (insert: Uint8Array) => concat([input.subarray(0, at), insert, input.subarray(end)]);
    const kinds: (() => Bytes)[] = [
      () => input.map((byte, i) => i === at ? byte ^ 1 << below(8) : byte),
      () => input.map((byte, i) => i === at ? pick(EDGES) : byte),
      () => without(new Uint8Array()),
      () => input.slice(0, at),
      () => concat([input.subarray(0, at), input.subarray(at, end), input.subarray(at)]),
      () => concat([input.subarray(0, at), noise(below, 1 + below(8)), input.subarray(at)]),
      () => concat([input.subarray(0, at), utf8(pick(dictionary)), input.subarray(at)]),
      () => {
        const other = pick(corpus);
        return concat([input.subarray(0, at), other.subarray(below(other.length + 1))]);
      },
      () => concat([input, ...Array.from({ length: 1 + below(32) }, () => input.subarray(at, end))]),
    ];
    input = pick(kinds)().slice(0, MAX_INPUT_BYTES);
  }
  return input;
}

function noise(below: (limit: number) => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => below(256));
}
