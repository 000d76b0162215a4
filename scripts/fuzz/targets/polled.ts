import { concat } from "@std/bytes/concat";
import { decodeAnswer, encodeAnswer } from "../../../src/protocol/polling.ts";
import { refusing } from "../refusing.ts";
import type { FuzzTarget } from "../target.ts";

/** What an unsealed answer to a poll holds. */
export const polled: FuzzTarget = {
  name: "polled",
  dictionary: ["\x00", "\x01", "\x11\x30"],
  run(input) {
    const answer = refusing(["platform.protocol"], () => decodeAnswer(input));
    if (!answer) return;
    const again = encodeAnswer(answer);
    // Whether there is more is one bit of a byte.
    const expected = concat([input.subarray(0, 2), Uint8Array.of(input[2] === 1 ? 1 : 0), input.subarray(3)]);
    if (again.toHex() !== expected.toHex()) {
      throw new Error("an answer changes when it is decoded and encoded");
    }
  },
};
