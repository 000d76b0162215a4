import { decodeBundle, encodeBundle } from "../../../src/trust/bundle.ts";
import { refusing } from "../refusing.ts";
import type { FuzzTarget } from "../target.ts";

/** The enrolment bundle, as somebody may paste it. */
export const bundle: FuzzTarget = {
  name: "bundle",
  dictionary: ["sallyport1.", ".", "eyJ", "\n", " ", "=", "e30", "bnVsbA"],
  run(input) {
    const text = new TextDecoder().decode(input);
    const read = refusing(["bundle.damaged"], () => decodeBundle(text));
    if (!read) return;
    if (JSON.stringify(decodeBundle(encodeBundle(read))) !== JSON.stringify(read)) {
      throw new Error("a bundle changes when it is encoded and decoded");
    }
  },
};
