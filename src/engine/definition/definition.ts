import * as z from "zod";
import { sha256Hex } from "../../base/digest.ts";
import { SallyportError } from "../../base/errors.ts";
import { MAX_PROCESS_BYTES } from "../../base/limits.ts";
import { checkYaml } from "../../base/yaml/checked.ts";
import { describeProblems, fieldName } from "../../base/yaml/problems.ts";
import type { Issue, Problem } from "../../base/yaml/problems.ts";
import type { ConnectorKind, Sink, Source } from "../connector.ts";
import { folderSchema } from "../paths.ts";
import { STEP_KINDS } from "../steps/mod.ts";
import type { StepPlan } from "../steps/step.ts";
import { oneOf, theOne } from "./one_of.ts";
import { compileTrack, trackSchema } from "./track.ts";
import type { Track } from "./track.ts";
import { triggerSchema } from "./trigger.ts";
import type { Trigger } from "./trigger.ts";

const MAX_STEPS = 100;

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
  /** Undefined when the platform is told nothing of its documents. */
  track: Track | undefined;
  /** Every folder below `data/` that a run reads or changes, each once. */
  folders: readonly string[];
}

const processNameSchema = z.string().max(100).regex(
  /^[a-z0-9][a-z0-9._-]*$/,
  "must start with a small letter or digit and go on with small letters, digits, '.', '_' or '-'",
);

/** The zod schema of a process with the given connectors. */
function processSchema(connectors: readonly ConnectorKind[]) {
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
    track: trackSchema.optional(),
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
  const checked = checkYaml(text, processSchema(connectors), {
    what: "the definition",
    maxBytes: MAX_PROCESS_BYTES,
  });
  if (!checked.value) return { process: undefined, problems: checked.problems };
  const process = compile(checked.value, text, connectors);
  const loops = checked.placed(loopIssues(process, checked.value));
  if (loops.length > 0) return { process: undefined, problems: loops };
  return { process, problems: [] };
}

/** A process that writes into the folder that it reads would feed on itself. */
function loopIssues({ source, sink, deadLetterFolder }: Process, data: ProcessData): Issue[] {
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
    track: data.track && compileTrack(data.track),
    folders: [...new Set([...source.folders, ...sink.folders, deadLetterFolder])].sort(),
  };
}
