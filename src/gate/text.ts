import { MAX_ERROR_CHARS } from "../base/limits.ts";
import type { Policy } from "./policy/policy.ts";

/** A text in the form in which it may leave. Secrets first: one that is cut is not found any more. */
export function shapeText(
  text: string,
  { redact }: Pick<Policy, "redact">,
  maxChars = MAX_ERROR_CHARS,
): string {
  return redact(text).slice(0, maxChars);
}
