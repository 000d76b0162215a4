import { RE2JS } from "re2js";
import type { RedactionRule } from "./rule.ts";

/** A rule of the owner: a regular expression in the syntax of RE2. */
export interface OwnRule {
  name: string;
  pattern: string;
}

export const MAX_OWN_RULES = 32;
export const MAX_PATTERN_CHARS = 300;

/**
 * Compiles a rule of the owner. RE2 takes time in proportion to the text, whatever the pattern: there is none that
 * could make it hang. Loaded only where there are such rules.
 *
 * @throws {SyntaxError} as {@linkcode whyUnusable} would say.
 */
export function compileOwnRule({ name, pattern }: OwnRule): RedactionRule {
  const problem = whyUnusable(pattern);
  if (problem !== undefined) throw new SyntaxError(problem);
  const compiled = RE2JS.compile(pattern);
  return {
    name,
    *find(text) {
      const matcher = compiled.matcher(text);
      while (matcher.find()) {
        const [start, end] = [matcher.start(), matcher.end()];
        if (end > start) yield { start, end };
      }
    },
  };
}

/** Why a pattern cannot be a rule, with its place in it; undefined when it can. */
export function whyUnusable(pattern: string): string | undefined {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const { error: reason = String(error), input = "" } = error as { error?: string; input?: string };
    const at = pattern.indexOf(input);
    const where = input === "" || at < 0 ? "" : ` at its character ${at + 1}, "${input}"`;
    const hint = /^\(\?<?[=!]|^\\[1-9k]/.test(input)
      ? ": look-around and back-references take time without bound, so RE2 does not have them"
      : "";
    return `is no pattern of RE2: ${reason}${where}${hint}`;
  }
  if (compiled.matcher("").find()) return "fits the empty text, so it would be found everywhere";
  return undefined;
}
