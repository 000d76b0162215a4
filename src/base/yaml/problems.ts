import { isAlias, isMap, isNode, isPair, isScalar, isSeq } from "yaml";
import type { Document as YamlDocument, LineCounter, Node } from "yaml";
import type * as z from "zod/v4/core";

/** One thing that is wrong with a text in YAML, and where. */
export interface Problem {
  /** From 1. */
  line: number;
  column: number;
  /** The field, such as `steps[0].map.fields.total`; empty for the text as a whole. */
  field: string;
  message: string;
}

/** How a schema begins its complaint about an object that needs one of several keys and has none. */
export const NEEDS_ONE = "needs one of: ";
const MISSING = "is missing: ";
const NO_SUCH_KEY = "there is no ";

type Path = readonly PropertyKey[];
/** What a schema found. */
export type Issue = z.$ZodIssue;

/** `steps[0].map` for the path steps, 0, map. */
export function fieldName(path: Path): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
}

/** What zod found, as problems with their place in the YAML text. `keysAt` knows the keys a place may have. */
export function problemsOf(
  issues: readonly Issue[],
  yaml: YamlDocument,
  lines: LineCounter,
  keysAt: (path: Path) => readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  const add = (path: Path, message: string, key?: string) => {
    const { line, col } = lines.linePos(offsetOf(yaml, path, key));
    problems.push({
      line,
      column: col,
      field: fieldName(key === undefined ? path : [...path, key]),
      message,
    });
  };
  const visit = (issue: Issue, prefix: Path) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(path);
      for (const key of issue.keys) add(path, unknownKey(key, known), key);
    } else if (issue.code === "invalid_union" && issue.errors.length > 0) {
      for (const inner of likeliest(issue.errors)) visit(inner, path);
    } else if (issue.code === "invalid_key") {
      const key = String(issue.path.at(-1));
      add(path.slice(0, -1), issue.issues[0]?.message ?? issue.message, key);
    } else {
      add(path, messageOfIssue(issue));
    }
  };
  for (const issue of issues) visit(issue, []);
  return withoutConsequences(problems);
}

/** A misspelt key explains why the right one is missing: the cause is enough. */
function withoutConsequences(problems: readonly Problem[]): Problem[] {
  const strangers = problems.filter(({ message }) => message.startsWith(NO_SUCH_KEY));
  const explained = strangers.flatMap(({ field, message }) => {
    const parent = field.slice(0, Math.max(0, field.lastIndexOf(".")));
    const meant = message.match(/Did you mean "(.*)"/)?.[1];
    return [`${parent}\0${NEEDS_ONE}`, ...(meant ? [`${fieldName([parent, meant])}\0${MISSING}`] : [])];
  });
  return problems.filter(({ field, message }) =>
    !explained.some((cause) => `${field}\0${message}`.startsWith(cause))
  );
}

/** Of the forms that a value may have, the complaints of the one that it was most likely meant to be. */
function likeliest(branches: readonly Issue[][]): readonly Issue[] {
  const wrongKind = (issues: readonly Issue[]) =>
    issues.some(({ code, path }) =>
      path.length === 0 && (code === "invalid_type" || code === "invalid_value")
    );
  const near = branches.filter((issues) => !wrongKind(issues));
  if (near.length > 0) return near.reduce((best, other) => other.length < best.length ? other : best);
  const expected = branches.flatMap((issues) => issues.map(messageOfIssue));
  return [{ ...branches[0]![0]!, code: "custom", message: [...new Set(expected)].join(", or ") } as Issue];
}

const ARTICLES: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "fields with values",
  record: "fields with values",
  array: "a list",
};

function messageOfIssue(issue: Issue): string {
  if (issue.code === "invalid_type") {
    const missing = issue.input === undefined && / received undefined$/.test(issue.message);
    const expected = ARTICLES[issue.expected] ?? issue.expected;
    return missing ? `${MISSING}${expected} is needed here` : `needs ${expected} here`;
  }
  if (issue.code === "invalid_value") {
    return `needs ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(String).join(", ")} here`;
  }
  return issue.message;
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near) return `${NO_SUCH_KEY}"${key}" here. Did you mean "${near}"?`;
  return `${NO_SUCH_KEY}"${key}" here` + (known.length > 0 ? `. Known are: ${known.join(", ")}` : "");
}

/** The known word that is at most a third of its letters away from `word`, if any. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((other) => ({ other, distance: editDistance(word.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, distance }) => distance <= Math.max(1, Math.floor(other.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.other;
}

/** Levenshtein's distance, with two neighbouring letters swapped counted as one edit. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitution, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** Where the value at a path starts; with `key`, where that key of it starts; else the nearest place above. */
function offsetOf(yaml: YamlDocument, path: Path, key?: string): number {
  let node: unknown = yaml.contents;
  let offset = startOf(node);
  for (const step of key === undefined ? path : [...path, key]) {
    if (isAlias(node)) node = node.resolve(yaml);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (!pair || !isPair(pair)) return offset;
      offset = startOf(pair.key);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = startOf(node) || offset;
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown): number {
  return isNode(node) ? (node as Node).range?.[0] ?? 0 : 0;
}

const MAX_SHOWN = 20;

/** Problems for people: one a line, `orders.yaml:7:5: source.disk.glob: ...`. */
export function describeProblems(problems: readonly Problem[], name: string): string {
  const shown = problems.slice(0, MAX_SHOWN).map(({ line, column, field, message }) =>
    `${name}:${line}:${column}: ${field === "" ? "" : `${field}: `}${message}`
  );
  if (problems.length > MAX_SHOWN) shown.push(`... and ${problems.length - MAX_SHOWN} more`);
  return shown.join("\n");
}
