import Tokenizer from "@streamparser/json/tokenizer.js";
import TokenType from "@streamparser/json/utils/types/tokenType.js";
import type { ValueType } from "../../protocol/payloads/schema.ts";
import type { Described, Describer, Sample } from "./describer.ts";
import { ELEMENT, Field } from "./fields.ts";
import { typeOfString } from "./guess.ts";
import { textOf } from "./text.ts";

/** One JSON text. */
export const jsonDescriber: Describer = { format: "json", endings: ["json"], describe };

/** One JSON text a line. */
export const ndjsonDescriber: Describer = { format: "ndjson", endings: ["ndjson", "jsonl"], describe };

function describe(sample: Sample): Described {
  const root = new Field();
  const text = textOf(sample);
  if (text === undefined) return { root, problem: "not-text" };
  const walker = new JsonWalker(root);
  // Whatever stands between texts: one after another is ndjson, and of one there is only one.
  const tokenizer = new Tokenizer({ separator: "" });
  tokenizer.onToken = ({ token, value }) => walker.take(token, value);
  try {
    tokenizer.write(text);
    if (!sample.cut) {
      tokenizer.end();
      walker.end();
    }
  } catch {
    return { root, problem: "malformed" };
  }
  return { root };
}

interface Open {
  field: Field;
  list: boolean;
  /** The field whose value comes next, in an object. */
  next: Field | undefined;
  /** The names that this object had so far. */
  seen: Set<Field>;
}

/** Keeps where in the text the tokens stand. Values are looked at for their type and not kept. */
class JsonWalker {
  readonly #root: Field;
  readonly #open: Open[] = [];

  constructor(root: Field) {
    this.#root = root;
  }

  take(token: TokenType, value: unknown): void {
    const top = this.#open.at(-1);
    if (token === TokenType.COMMA || token === TokenType.COLON || token === TokenType.SEPARATOR) return;
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) {
      if (top?.list !== (token === TokenType.RIGHT_BRACKET)) throw new SyntaxError("brackets do not match");
      if (!top.list) top.field.objects++;
      this.#open.pop();
      return;
    }
    if (top && !top.list && top.next === undefined) {
      if (token !== TokenType.STRING) throw new SyntaxError("an object needs a name here");
      top.next = top.field.child(String(value));
      if (!top.seen.has(top.next)) top.next.present++;
      top.seen.add(top.next);
      return;
    }
    const field = top === undefined ? this.#root : top.list ? top.field.child(ELEMENT) : top.next!;
    if (top) top.next = undefined;
    field.types.add(TYPES[token]?.(value) ?? "text");
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      const list = token === TokenType.LEFT_BRACKET;
      this.#open.push({ field, list, next: undefined, seen: new Set() });
    }
  }

  /** Fails when the text broke off. */
  end(): void {
    if (this.#open.length > 0) throw new SyntaxError("the text ends within a value");
  }
}

const TYPES: Partial<Record<TokenType, (value: unknown) => ValueType>> = {
  [TokenType.LEFT_BRACE]: () => "object",
  [TokenType.LEFT_BRACKET]: () => "array",
  [TokenType.TRUE]: () => "boolean",
  [TokenType.FALSE]: () => "boolean",
  [TokenType.NULL]: () => "null",
  [TokenType.NUMBER]: (value) => Number.isSafeInteger(value) ? "integer" : "number",
  [TokenType.STRING]: (value) => typeOfString(String(value)),
};
