import { isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document as YamlDocument } from "yaml";
import * as z from "zod/v4/core";
import { utf8 } from "../encoding.ts";
import type { Issue, Problem } from "./problems.ts";
import { problemsOf } from "./problems.ts";

/** Aliases can make a small text huge once expanded. */
const MAX_ALIASES = 100;

/** What is checked, and how large it may be. */
export interface YamlOptions {
  /** What the text is called in a message, such as "the definition". */
  what: string;
  maxBytes: number;
}

/** A text in YAML that fits its schema, or everything that is wrong with it, in the order of the text. */
export type CheckedYaml<T> =
  | {
    value: T;
    problems: [];
    /** What a later look at the value found, with its places in the text. */
    placed(issues: readonly Issue[]): Problem[];
  }
  | { value: undefined; problems: Problem[] };

/** Reads YAML and checks it against a schema. Every problem has the line and the column that a person looks for. */
export function checkYaml<S extends z.$ZodType>(
  text: string,
  schema: S,
  { what, maxBytes }: YamlOptions,
): CheckedYaml<z.output<S>> {
  const bad = (problems: Problem[]) => ({ value: undefined, problems: inOrder(problems) });
  const whole = (message: string) => bad([{ line: 1, column: 1, field: "", message }]);
  if (utf8(text).length > maxBytes) return whole(`${what} is larger than ${maxBytes / 1024} KiB`);
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (yaml.errors.length > 0) {
    return bad(yaml.errors.map(({ code, message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      const duplicate = code === "DUPLICATE_KEY" ? text.slice(pos[0]).match(/^[^\s:]+/)?.[0] : undefined;
      return {
        line,
        column: col,
        field: duplicate ?? "",
        message: duplicate ? "this field is already given above" : `is not YAML: ${message}`,
      };
    }));
  }
  const forbidden = forbiddenKeys(yaml, lines);
  if (forbidden.length > 0) return bad(forbidden);
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return whole(`is not usable YAML: ${(error as Error).message}`);
  }
  const parsed = z.safeParse(schema, value, { reportInput: true });
  if (!parsed.success) {
    const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    return bad(problemsOf(parsed.error.issues, yaml, lines, (path) => keysAt(json as SchemaNode, path)));
  }
  const placed = (issues: readonly Issue[]) => inOrder(problemsOf(issues, yaml, lines, () => []));
  return { value: parsed.data, problems: [], placed };
}

function inOrder(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** `__proto__` means something else to JavaScript: as a field it would be lost without a word. */
function forbiddenKeys(yaml: YamlDocument, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(yaml, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== "__proto__") return;
      const { line, col } = lines.linePos(key.range?.[0] ?? 0);
      problems.push({ line, column: col, field: "__proto__", message: "cannot be used as a name" });
    },
  });
  return problems;
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
}

/** The keys that the schema knows at a path. */
function keysAt(root: SchemaNode, path: readonly PropertyKey[]): string[] {
  let nodes: SchemaNode[] = [root];
  const flat = (node: SchemaNode): SchemaNode[] => [
    node,
    ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(flat),
  ];
  for (const key of path) {
    nodes = nodes.flatMap(flat).flatMap((node) => {
      if (typeof key === "number") return node.items ?? [];
      const inner = node.properties?.[String(key)] ?? node.additionalProperties;
      return typeof inner === "object" ? inner : [];
    });
  }
  return [...new Set(nodes.flatMap(flat).flatMap((node) => Object.keys(node.properties ?? {})))];
}
