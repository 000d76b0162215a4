import type { RedactionRule } from "../rule.ts";

const KEY =
  /(?:password|passwd|passphrase|pwd|secret|(?:api|access|account|shared)[-_ ]?(?:access[-_ ]?)?key)["']?\s{0,4}[=:]\s{0,4}/gi;
/** A value, a semicolon, and the next key. */
const LIST_GOES_ON = /[^\r\n;]{0,200};\s{0,4}[\w ]{1,40}=/y;

/** What stands behind `password=` and its like: in `Server=...;Password=...`, in queries, in JSON. */
export const password: RedactionRule = {
  name: "password",
  *find(text) {
    for (const { 0: key, index } of text.matchAll(KEY)) {
      const start = index + key.length;
      const end = endOfValue(text, start, isInList(text, index, start));
      if (end > start) yield { start, end };
    }
  },
};

function isInList(text: string, keyStart: number, valueStart: number): boolean {
  LIST_GOES_ON.lastIndex = valueStart;
  return /;\s*$/.test(text.slice(Math.max(0, keyStart - 40), keyStart)) || LIST_GOES_ON.test(text);
}

/** In a list with semicolons a value may have spaces in it; elsewhere it ends with its word. */
function endOfValue(text: string, start: number, inList: boolean): number {
  const quote = text[start];
  if (quote === '"' || quote === "'") {
    const closing = text.indexOf(quote, start + 1);
    return closing < 0 ? text.length : closing + 1;
  }
  const stop = inList ? /[;\r\n]/g : /[\s;,&"'})\]]/g;
  stop.lastIndex = start;
  return stop.exec(text)?.index ?? text.length;
}
