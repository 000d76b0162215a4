import type { RedactionRule } from "../rule.ts";

const BEGIN = "-----BEGIN ";
const END = "-----END ";
/** What may stand between BEGIN and the dashes, such as "RSA PRIVATE KEY" or "PGP PRIVATE KEY BLOCK". */
const MAX_LABEL = 64;

/** Private keys in PEM (RFC 7468), on one line or on many; one whose end is missing goes to the end of the text. */
export const privateKey: RedactionRule = {
  name: "private key",
  *find(text) {
    for (let start = text.indexOf(BEGIN); start >= 0; start = text.indexOf(BEGIN, start + 1)) {
      const labelEnd = text.indexOf("-----", start + BEGIN.length);
      const label = text.slice(start + BEGIN.length, labelEnd < 0 ? undefined : labelEnd);
      if (!label.slice(0, MAX_LABEL).includes("PRIVATE KEY")) continue;
      const footer = text.indexOf(END, start);
      const closing = footer < 0 ? -1 : text.indexOf("-----", footer + END.length);
      const end = closing < 0 ? text.length : closing + 5;
      yield { start, end };
      start = end - 1;
    }
  },
};
