import { RE2JS } from "re2js";

/**
 * What jsonata uses of `RegExp`, on RE2: the time of a match grows with the text and never beyond, whatever the
 * pattern. Loaded only when an expression has a pattern.
 */
export class LinearRegExp {
  lastIndex = 0;
  readonly #compiled: RE2JS;

  /** @param pattern The literal of the expression; its flags are `g`, `i` and `m`. */
  constructor(pattern: RegExp) {
    let compiled = COMPILED.get(pattern);
    if (!compiled) {
      const flags = (pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) |
        (pattern.multiline ? RE2JS.MULTILINE : 0);
      compiled = RE2JS.compile(RE2JS.translateRegExp(pattern.source), flags);
      COMPILED.set(pattern, compiled);
    }
    this.#compiled = compiled;
  }

  /** As `RegExp.prototype.exec` with the flag `g`. */
  exec(text: string): { index: number; length: number; [group: number]: string | undefined } | null {
    const matcher = this.#compiled.matcher(text);
    if (this.lastIndex > text.length || !matcher.find(this.lastIndex)) {
      this.lastIndex = 0;
      return null;
    }
    this.lastIndex = matcher.end();
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined);
    return Object.assign(groups, { index: matcher.start() });
  }
}

const COMPILED = new WeakMap<RegExp, RE2JS>();
