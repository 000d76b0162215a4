import type { ValueType } from "../../protocol/payloads/schema.ts";

/** What a text in a cell or an element looks like. Zeros in front make it a code and no number. */
export function typeOfText(text: string): ValueType {
  if (/^[+-]?(0|[1-9]\d{0,17})$/.test(text)) return "integer";
  if (/^[+-]?(0|[1-9]\d{0,17})?[.,]\d{1,18}([eE][+-]?\d{1,3})?$/.test(text)) return "number";
  if (/^(true|false)$/i.test(text)) return "boolean";
  return typeOfString(text);
}

/** What a string looks like where numbers and truth values have a form of their own, as in JSON. */
export function typeOfString(text: string): ValueType {
  const [, time] = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d[\d:.,]*(Z|[+-]\d\d:?\d\d)?)?$/.exec(text) ?? [];
  if (time !== undefined) return "time";
  return /^\d{4}-\d\d-\d\d$/.test(text) ? "date" : "text";
}
