import jsonata from "jsonata";
import * as z from "zod";
import { DocumentFailure } from "./batch.ts";

/**
 * JSONata within a budget. An expression comes from outside and must not be able to spin: what it may evaluate is
 * counted, how deep it may go and how long its sequences may grow is bounded.
 */

/** Nodes of the expression that one document may evaluate; far beyond what a mapping needs. */
const MAX_EVALUATIONS = 100_000;
const MAX_DEPTH = 200;
const MAX_SEQUENCE = 100_000;
const MAX_TIME_MS = 2_000;
const MAX_PADDING = 10_000;

const LIMITS = { stack: MAX_DEPTH, sequence: MAX_SEQUENCE, timeout: MAX_TIME_MS };

/** An expression as text, checked when the definition is. */
export const expressionSchema = z.string().min(1).max(64 * 1024).superRefine((text, context) => {
  try {
    const unsupported = patternsOf(jsonata(text).ast()).find(({ source }) => BEYOND_LINEAR.test(source));
    if (unsupported) {
      const message =
        `the pattern /${unsupported.source}/ looks around or back, which takes time without bound`;
      context.addIssue({ code: "custom", message });
    }
  } catch (error) {
    const { message, position } = error as { message?: string; position?: number };
    const where = typeof position === "number" ? ` (at character ${position} of the expression)` : "";
    context.addIssue({ code: "custom", message: `is not JSONata: ${message ?? String(error)}${where}` });
  }
}).meta({ description: "A JSONata expression; see https://jsonata.org" });

/** A compiled expression: gives its value for a document, or why it has none. */
export type Expression = (input: unknown) => Promise<unknown>;

/** Thrown inside an evaluation to end it; the message is ours and quotes nothing. */
class Refused extends Error {}

const OVER_BUDGET = "the expression took more steps, depth, items or time than one document may";

/** Compiles an expression that {@linkcode expressionSchema} has accepted; evaluate it for one document at a time. */
export function compileExpression(text: string): Expression {
  const options: jsonata.JsonataOptions = { ...LIMITS };
  const compiled = jsonata(text, options);
  const hasPatterns = patternsOf(compiled.ast()).length > 0;
  let left = 0;
  // The hook is jsonata's own, made for this: it is called before each node is evaluated.
  compiled.assign(Symbol.for("jsonata.__evaluate_entry") as unknown as string, () => {
    if (--left < 0) throw new Refused(OVER_BUDGET);
  });
  compiled.registerFunction("pad", pad, "<s-ns?:s>");
  // An expression that documents bring along was checked by nobody.
  compiled.registerFunction("eval", () => {
    throw new Refused("the expression calls $eval, which is not allowed");
  });
  return async (input) => {
    left = MAX_EVALUATIONS;
    try {
      if (hasPatterns) options.RegexEngine ??= await linearRegExp();
      return await compiled.evaluate(input);
    } catch (error) {
      return new DocumentFailure("document.rejected", reasonOf(error));
    }
  };
}

async function linearRegExp(): Promise<RegExpConstructor> {
  // jsonata uses no more of the class than ours has.
  return (await import("./linear_regexp.ts")).LinearRegExp as unknown as RegExpConstructor;
}

/** Look-ahead, look-behind and back-references: no engine can bound their time. */
const BEYOND_LINEAR = /\(\?<?[=!]|\\[1-9]|\\k</;

/** The regular expressions in a part of an expression's tree. */
function patternsOf(node: unknown): RegExp[] {
  if (node instanceof RegExp) return [node];
  if (typeof node !== "object" || node === null) return [];
  return Object.values(node).flatMap(patternsOf);
}

/** As jsonata's own `$pad`, which would take any width. */
function pad(text: string | undefined, width: number, filler = " "): string | undefined {
  if (text === undefined) return undefined;
  if (Math.abs(width) > MAX_PADDING) throw new Refused(OVER_BUDGET);
  const fill = filler === "" ? " " : filler;
  return width < 0 ? text.padStart(-width, fill) : text.padEnd(width, fill);
}

/** jsonata's messages quote values, which are the customer's: only its code is passed on. */
function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof Refused) return error.message;
  if (["D1011", "D1012", "D2014", "D2015", "U1001"].includes(String(code))) return OVER_BUDGET;
  if (typeof code === "string" && /^[A-Z]\d{4}$/.test(code)) {
    return `the expression failed: ${CODES[code] ?? "see the code at jsonata.org"} (JSONata ${code})`;
  }
  return "the expression failed";
}

const CODES: Record<string, string> = {
  T2001: "the left side of an arithmetic operator is not a number",
  T2002: "the right side of an arithmetic operator is not a number",
  T2009: "values of two types are compared; cells of CSV are text, $number(...) makes numbers of them",
  T2010: "only numbers and text can be compared; cells of CSV are text, $number(...) makes numbers of them",
  T1006: "something is called that is not a function",
  D3030: "a value cannot be made a number",
  D1001: "a number is out of range",
};
