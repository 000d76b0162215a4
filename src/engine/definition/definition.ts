import { isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document as YamlDocument } from "yaml";
import * as z from "zod";
import { sha256Hex } from "../../base/digest.ts";
import { utf8 } from "../../base/encoding.ts";
import { SallyportError } from "../../base/errors.ts";
import { MAX_PROCESS_BYTES } from "../../base/limits.ts";
import type { ConnectorKind, Sink, Source } from "../connector.ts";
import { folderSchema } from "../paths.ts";
import { STEP_KINDS } from "../steps/mod.ts";
import type { StepPlan } from "../steps/step.ts";
import { oneOf, theOne } from "./one_of.ts";
import { fieldName, problemsOf } from "./problems.ts";
import type { Problem } from "./problems.ts";
import { triggerSchema } from "./trigger.ts";
import type { Trigger } from "./trigger.ts";

const MAX_STEPS = 100;
/** Aliases can make a small text huge once expanded. */
const MAX_ALIASES = 100;

/** A process, checked and compiled: what the runner works with. */
export interface Process {
  name: string;
  /** The version that the definition names; shown to people. */
  version: string;
  /** The first 12 hex digits of the SHA-256 of the definition's text. */
  definition: string;
  description: string;
  trigger: Trigger;
  source: Source;
  steps: readonly StepPlan[];
  sink: Sink;
  deadLetterFolder: string;
  /** Every folder below `data/` that a run reads or changes, each once. */
  folders: readonly string[];
}

export const processNameSchema = z.string().max(100).regex(
  /^[a-z0-9][a-z0-9._-]*$/,
  "must start with a small letter or digit and go on with small letters, digits, '.', '_' or '-'",
);

/** The zod schema of a process with the given connectors. */
export function processSchema(connectors: readonly ConnectorKind[]) {
  const shapeOf = (schema: "sourceSchema" | "sinkSchema") =>
    Object.fromEntries(connectors.map((kind) => [kind.name, kind[schema]]));
  return z.strictObject({
    process: processNameSchema.meta({ description: "The name of the process" }),
    version: z.string().max(60).default("").meta({ description: 'Shown to people; quote it: "3"' }),
    description: z.string().max(1000).default(""),
    trigger: triggerSchema,
    source: oneOf(shapeOf("sourceSchema"), "Where documents come from"),
    steps: z.array(
      oneOf(
        Object.fromEntries(STEP_KINDS.map((kind) => [kind.name, kind.schema])),
        "What is done to each document",
      ),
    ).max(MAX_STEPS).default([]),
    sink: oneOf(shapeOf("sinkSchema"), "Where documents go"),
    deadLetter: z.strictObject({ path: folderSchema }).optional()
      .meta({
        description: "Where documents that failed go. Default: dead-letter/ and the name of the process",
      }),
  }).meta({ title: "Sallyport process" });
}

type ProcessData = z.output<ReturnType<typeof processSchema>>;

/** The JSON Schema of a process, for editors. */
export function processJsonSchema(connectors: readonly ConnectorKind[]): Record<string, unknown> {
  return z.toJSONSchema(processSchema(connectors), { io: "input", unrepresentable: "any" });
}

/** Checks a definition. Gives the process, or everything that is wrong with it, in the order of the text. */
export function checkDefinition(
  text: string,
  connectors: readonly ConnectorKind[],
): { process: Process; problems: [] } | { process: undefined; problems: Problem[] } {
  const bad = (problems: Problem[]) => ({
    process: undefined,
    problems: problems.sort((a, b) => a.line - b.line || a.column - b.column),
  });
  if (utf8(text).length > MAX_PROCESS_BYTES) {
    const message = `the definition is larger than ${MAX_PROCESS_BYTES / 1024} KiB`;
    return bad([{ line: 1, column: 1, field: "", message }]);
  }
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
    return bad([{
      line: 1,
      column: 1,
      field: "",
      message: `is not usable YAML: ${(error as Error).message}`,
    }]);
  }
  const schema = processSchema(connectors);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    return bad(problemsOf(parsed.error.issues, yaml, lines, (path) => keysAt(json as SchemaNode, path)));
  }
  const process = compile(parsed.data, text, connectors);
  const loops = loopIssues(process, parsed.data);
  if (loops.length > 0) return bad(problemsOf(loops, yaml, lines, () => []));
  return { process, problems: [] };
}

/** A process that writes into the folder that it reads would feed on itself. */
function loopIssues({ source, sink, deadLetterFolder }: Process, data: ProcessData): z.core.$ZodIssue[] {
  const { watched, folders: [, ...moves] } = source;
  const places: [folders: readonly string[], path: string[]][] = [
    [moves, ["source", theOne(data.source)[0], "after"]],
    [sink.folders, ["sink", theOne(data.sink)[0], "path"]],
    [[deadLetterFolder], ["deadLetter", "path"]],
  ];
  return places.filter(([folders]) => folders.includes(watched)).map(([, path]) => ({
    code: "custom",
    path,
    input: undefined,
    message: `"${watched}" is the folder that the process reads: it would read its own output`,
  }));
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

/**
 * Checks a definition and gives the process. `name` is what the text is called in the message, such as its file.
 *
 * @throws {SallyportError} `process.invalid` with every problem on a line of its own.
 */
export function parseDefinition(text: string, name: string, connectors: readonly ConnectorKind[]): Process {
  const { process, problems } = checkDefinition(text, connectors);
  if (process) return process;
  throw new SallyportError("process.invalid", describeProblems(problems, name), {
    facts: { problems: problems.length, line: problems[0]?.line ?? 1, field: problems[0]?.field ?? "" },
    remedy: "Correct the definition and check it with: sallyport process check FILE",
  });
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

function compile(
  data: ProcessData,
  text: string,
  connectors: readonly ConnectorKind[],
): Process {
  const [sourceName, sourceConfig] = theOne(data.source);
  const [sinkName, sinkConfig] = theOne(data.sink);
  const kind = (name: string) => connectors.find((connector) => connector.name === name)!;
  const source = kind(sourceName).source(sourceConfig);
  const sink = kind(sinkName).sink(sinkConfig);
  const deadLetterFolder = data.deadLetter?.path ?? `dead-letter/${data.process}`;
  return {
    name: data.process,
    version: data.version,
    definition: sha256Hex(text).slice(0, 12),
    description: data.description,
    trigger: data.trigger,
    source,
    steps: data.steps.map((step, i) => {
      const [name, config] = theOne(step);
      return STEP_KINDS.find((kind) => kind.name === name)!.plan(config, fieldName(["steps", i, name]));
    }),
    sink,
    deadLetterFolder,
    folders: [...new Set([...source.folders, ...sink.folders, deadLetterFolder])].sort(),
  };
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
