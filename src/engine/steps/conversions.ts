import { isoTime } from "../../base/clock.ts";
import { DocumentFailure } from "../batch.ts";

/** What `as:` may say. */
export const CONVERSIONS = ["text", "integer", "number", "boolean", "date"] as const;
export type Conversion = (typeof CONVERSIONS)[number];

/** Converts a value that is there, or says which field cannot be converted; never what it holds. */
export const CONVERT: Record<Conversion, (value: unknown, field: string) => unknown> = {
  text(value, field) {
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return failure(field, "text");
  },
  integer(value, field) {
    const number = typeof value === "string" && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : value;
    if (!Number.isInteger(number)) return failure(field, "a whole number");
    // Beyond 2^53 a number would silently become another one.
    if (!Number.isSafeInteger(number)) return failure(field, "a whole number below 2^53; keep it as text");
    return number;
  },
  number(value, field) {
    if (typeof value === "string") {
      const number = Number(value);
      // Number() also takes "0x10", "Infinity" and blanks; of letters, a decimal number holds only an "e".
      if (Number.isFinite(number) && (!mayBeOther(value) || DECIMAL.test(value))) return number;
    } else if (typeof value === "number" && Number.isFinite(value)) return value;
    return failure(field, "a number");
  },
  boolean(value, field) {
    if (typeof value === "boolean") return value;
    const word = String(value).trim().toLowerCase();
    if (word === "true" || word === "yes" || word === "1") return true;
    if (word === "false" || word === "no" || word === "0") return false;
    return failure(field, "true or false (nor yes, no, 1, 0)");
  },
  date(value, field) {
    const text = typeof value === "string" ? value.trim() : "";
    const match = ISO_DATE.exec(text);
    if (!match) return failure(field, "a date such as 2026-01-31 or 2026-01-31T08:00:00Z");
    const [, day, time, zone] = match;
    const ms = Date.parse(`${day}T${time ?? "00:00"}${zone ?? "Z"}`);
    // Date.parse turns the 31st of February into March: the day must come back as it was.
    const real = !Number.isNaN(ms) && isoTime(Date.parse(`${day}T00:00:00Z`)).startsWith(day!);
    if (!real) return failure(field, "a date of the calendar");
    return time === undefined ? day : isoTime(ms);
  },
};

const DECIMAL = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
/** Date, then optionally a time, then optionally a zone; without a zone it is UTC. */
const ISO_DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** A quick look at the two places where text that is not decimal differs: "0x..", and white space alone. */
function mayBeOther(text: string): boolean {
  const code = text.charCodeAt(0);
  return text.length === 0 || code <= 0x20 || text.length > 1 && text.charCodeAt(1) > 0x39 ||
    text.length > 2 && text.charCodeAt(2) > 0x39;
}

function failure(field: string, expected: string): DocumentFailure {
  return new DocumentFailure("document.rejected", `the field "${field}" is not ${expected}`);
}
