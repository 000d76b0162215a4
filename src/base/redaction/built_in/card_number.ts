import type { RedactionRule, Span } from "../rule.ts";

/** The lengths of the numbers of the large schemes, by how they begin (ISO/IEC 7812 leaves that to the issuers). */
const LENGTHS: readonly [prefix: RegExp, lengths: readonly number[]][] = [
  [/^4/, [19, 16, 13]], // Visa
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]], // Mastercard
  [/^3[47]/, [15]], // American Express
  [/^3[0689]/, [19, 18, 17, 16, 15, 14]], // Diners Club
  [/^(35|6|5[0678])/, [19, 18, 17, 16]], // JCB, Discover, UnionPay, Maestro
];
const MAX_DIGITS = 19;
const MIN_DIGITS = 13;
/** People write the digits in groups, with one of these between. */
const SEPARATOR = /[ \u00a0-]/;
const MIN_GROUP = 3;

/**
 * Payment card numbers: a scheme's beginning and length, and the check digit of Luhn's formula (ISO/IEC 7812-1,
 * annex B). Also inside a longer row of digits: whatever stands around it, it is one.
 */
export const cardNumber: RedactionRule = {
  name: "card number",
  *find(text) {
    for (let start = 0; start + MIN_DIGITS <= text.length; start++) {
      if (text[start]! < "2" || text[start]! > "6") continue;
      const span = cardAt(text, start);
      if (span) yield span;
    }
  },
};

function cardAt(text: string, start: number): Span | undefined {
  let digits = "";
  const ends: number[] = [];
  for (let at = start, group = 0; digits.length < MAX_DIGITS; at++) {
    const char = text[at] ?? "";
    if (isDigit(char)) {
      digits += char;
      ends.push(at + 1);
      group++;
    } else if (group >= MIN_GROUP && SEPARATOR.test(char)) group = 0;
    else break;
  }
  const lengths = LENGTHS.find(([prefix]) => prefix.test(digits))?.[1] ?? [];
  const length = lengths.find((length) => length <= digits.length && isLuhn(digits.slice(0, length)));
  return length === undefined ? undefined : { start, end: ends[length - 1]! };
}

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9";
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
