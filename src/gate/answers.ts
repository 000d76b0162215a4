import "../base/schema_messages.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { AnswerClass } from "../protocol/answers.ts";
import { ANSWERS } from "../protocol/answers.ts";
import { misfit } from "../protocol/messages.ts";
import type { FilePlace } from "./policy/names.ts";
import type { Policy } from "./policy/policy.ts";
import { judgeSchemaRecord } from "./schema.ts";
import { shapeText } from "./text.ts";
import { shapesPlaces } from "./tracking.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Fields whose texts are made by programs for programs, or are names; they leave as they are. Everything else that is
 * text may quote anything, and is searched for secrets: a field that is added later too, until somebody decides on it.
 */
const STRUCTURE: ReadonlySet<string> = new Set([
  ...[
    "kind",
    "runId",
    "time",
    "startedAt",
    "endedAt",
    "level",
    "outcome",
    "trigger",
    "step",
    "code",
    "scope",
  ],
  ...["process", "version", "name", "directory", "reason"],
]);

/** Stands in the place of words that may name a file, where the policy does not let names leave as they are. */
const WORDS_STAY = "these words stay here: they may name a file";

/**
 * Decides on one record of an answer, whoever made it: what its class does not name cannot leave, secrets are taken out
 * of its texts once more, and names of files have the form that the policy gives them everywhere.
 *
 * @param parameters what was asked for
 */
export function judgeAnswer(
  payloadClass: AnswerClass,
  record: unknown,
  parameters: Record<string, unknown>,
  policy: Policy,
): Verdict<object> {
  if (payloadClass === "schema") return judgeSchemaRecord(record, policy);
  const { record: schema } = ANSWERS[payloadClass];
  const parsed = schema.safeParse(record);
  if (!parsed.success) return { verdict: "drop", unfit: true, reason: misfit(parsed.error) };
  const clean = shapesPlaces(policy) ? () => WORDS_STAY : policy.redact;
  const shape = (clean: (text: string) => string) =>
    shapeRecord(parsed.data, { clean, policy, runId: String(parameters.runId ?? "") });
  const shaped = shape(clean);
  if (JSON.stringify(shaped) === JSON.stringify(parsed.data)) {
    return { verdict: "allow", payload: parsed.data };
  }
  if (schema.safeParse(shaped).success) return { verdict: "shape", payload: shaped };
  // What stands in a text's place may be longer than its field takes.
  return { verdict: "shape", payload: shape((text) => clean(text).slice(0, text.length)) };
}

/** The words with which a request ends, in the form in which they may leave. Ours name no file; others may. */
export function shapeWords(code: ErrorCode, words: string, policy: Policy): string {
  return shapesPlaces(policy) && !/^(request|run)\./.test(code) ? WORDS_STAY : shapeText(words, policy);
}

interface Shaping {
  clean(text: string): string;
  policy: Policy;
  runId: string;
}

function shapeRecord(record: object, { clean, policy, runId }: Shaping): object {
  const shape = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return clean(value);
    if (Array.isArray(value)) return value.map((each) => shape(each, key));
    if (typeof value !== "object" || value === null) return value;
    if (key === "file") return policy.shapePlace(value as FilePlace, runId);
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, STRUCTURE.has(name) ? each : shape(each, name)]),
    );
  };
  return shape(record, "") as object;
}
