import { createDecoder } from "../formats/decoder.ts";
import type { Sample } from "./describer.ts";

/** The text of a sample in UTF-8, without a character that its end cuts in two; undefined when it is none. */
export function textOf({ bytes, cut }: Sample): string | undefined {
  const decoder = createDecoder("utf-8");
  const text = decoder.decode(bytes) + (cut ? "" : decoder.end());
  return decoder.damaged ? undefined : text;
}
