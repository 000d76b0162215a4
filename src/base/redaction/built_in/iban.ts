import type { RedactionRule, Span } from "../rule.ts";

/** The length of an account number by its country, from the IBAN registry (ISO 13616-2). */
const REGISTRY =
  "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 " +
  "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 " +
  "IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 " +
  "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 " +
  "TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";
const LENGTHS = new Map(REGISTRY.split(" ").map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]));

/** International bank account numbers, plain or in groups: a country, its length, and a remainder of 1 modulo 97. */
export const iban: RedactionRule = {
  name: "IBAN",
  *find(text) {
    for (const { index } of text.matchAll(/[a-z]{2}(?=\d\d)/gi)) {
      const span = ibanAt(text, index);
      if (span) yield span;
    }
  },
};

function ibanAt(text: string, start: number): Span | undefined {
  const length = LENGTHS.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return undefined;
  let found = "";
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (/[a-z0-9]/i.test(char)) found += char.toUpperCase();
    else if (!/[ \u00a0-]/.test(char) || found.length < 4 || /[ \u00a0-]/.test(text[at - 1]!)) {
      return undefined;
    }
    if (found.length === length) return isValid(found) ? { start, end: at + 1 } : undefined;
  }
  return undefined;
}

/** ISO 7064, MOD 97-10, over the number with its first four characters moved to the end. */
function isValid(iban: string): boolean {
  let remainder = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    for (const digit of String(parseInt(char, 36))) remainder = (remainder * 10 + Number(digit)) % 97;
  }
  return remainder === 1;
}
