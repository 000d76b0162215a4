import type { RedactionRule, Span } from "../rule.ts";

const LOCAL = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const DOMAIN = /[\p{L}\p{N}.-]/u;

/** E-mail addresses with a dot in their domain: atoms of RFC 5322 before the @, letters of any script. */
export const emailAddress: RedactionRule = {
  name: "e-mail address",
  *find(text) {
    for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
      const span = addressAround(text, at);
      if (span) yield span;
    }
  },
};

/** Neither part goes beyond another @, so a text full of them takes no longer than any other. */
function addressAround(text: string, at: number): Span | undefined {
  let start = at;
  while (start > 0 && LOCAL.test(text[start - 1]!)) start--;
  let end = at + 1;
  while (end < text.length && DOMAIN.test(text[end]!)) end++;
  while (end > at + 1 && /[.-]/.test(text[end - 1]!)) end--;
  return start < at && /[^.-]\.+[^.]*\p{L}/u.test(text.slice(at + 1, end)) ? { start, end } : undefined;
}
