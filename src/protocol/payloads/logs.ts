import * as z from "zod/mini";
import {
  MAX_ERROR_CHARS,
  MAX_LOG_FACT_CHARS,
  MAX_LOG_FACT_NAME_CHARS,
  MAX_LOG_FACTS,
} from "../../base/limits.ts";
import { closedObject, leaf, text } from "../../base/quick_schemas.ts";
import { count, documentCounts, endingError, name, time, uuid } from "./fields.ts";
import { RUN_OUTCOMES, TRIGGER_KINDS } from "./tracking.ts";

/**
 * The log of one run, which somebody asks for: {@linkcode logQuerySchema} in, a row of {@linkcode logRecordSchema}
 * out. First comes a `summary`, then a `step` for each step, source and sink among them, then `message` and `gap` in
 * the order of their writing. Who follows a running run gets summary and steps again as it goes on, and at its end.
 *
 * Every schema is closed and bounded: what is not named here cannot leave.
 */

export const RUN_LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type RunLogLevel = (typeof RUN_LOG_LEVELS)[number];

/** `source`, `sink`, or the place of a step in its process, such as `steps[0].map`. */
export const stepName = text(1, 60);

export const logQuerySchema = closedObject({
  runId: uuid,
  /** Messages of this level and above; default: all that were written. */
  level: z.optional(z.enum(RUN_LOG_LEVELS)),
  /** Messages of this step: its whole name, its place (`steps[0]`) or its kind (`map`). */
  step: z.optional(stepName),
  /** Messages from then on, and before then. */
  since: z.optional(time),
  until: z.optional(time),
  /** Whether to go on with what a running run writes, up to its end. */
  follow: z.optional(z.boolean()),
});
export type LogQuery = z.infer<typeof logQuerySchema>;

const logSummarySchema = closedObject({
  kind: z.literal("summary"),
  runId: uuid,
  process: name,
  version: text(0, 60),
  trigger: z.enum(TRIGGER_KINDS),
  startedAt: time,
  /** These three are there once the run has ended. */
  endedAt: z.optional(time),
  outcome: z.optional(z.enum(RUN_OUTCOMES)),
  documents: z.optional(documentCounts),
  /** From its start to its end, or to now. */
  totalMs: count,
  /** Messages that were written, those too that are no longer there. */
  levels: closedObject({ debug: count, info: count, warning: count, error: count }),
  error: z.optional(endingError),
});
export type LogSummary = z.infer<typeof logSummarySchema>;

export const logStepSchema = closedObject({
  kind: z.literal("step"),
  step: stepName,
  /** When the first documents came to it; not there before that. */
  startedAt: z.optional(time),
  /** From then to the end of its work on the last. Documents stream: the spans of steps lie over one another. */
  spanMs: count,
  /** The time that it was at work itself. Of all steps together this is at most the run's total time. */
  busyMs: count,
  in: count,
  out: count,
  failed: count,
});
export type LogStep = z.infer<typeof logStepSchema>;

/** File names and counts are the most they hold, never the content of a document. */
const facts = leaf<Record<string, string | number | boolean | null>>(
  `up to ${MAX_LOG_FACTS} numbers, true, false, null, or strings of up to ${MAX_LOG_FACT_CHARS} characters`,
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= MAX_LOG_FACTS &&
      entries.every(([name, fact]) => name.length <= MAX_LOG_FACT_NAME_CHARS && isFact(fact));
  },
);

function isFact(value: unknown): boolean {
  if (typeof value === "string") return value.length <= MAX_LOG_FACT_CHARS;
  return value === null || typeof value === "boolean" || Number.isFinite(value);
}

export const logMessageSchema = closedObject({
  kind: z.literal("message"),
  time,
  level: z.enum(RUN_LOG_LEVELS),
  step: z.optional(stepName),
  message: text(0, MAX_ERROR_CHARS),
  facts: z.optional(facts),
});
export type LogMessage = z.infer<typeof logMessageSchema>;

const LOG_GAP_REASONS = ["over-cap", "unwritable", "damaged", "cut-short"] as const;
/**
 * Why lines of a log are missing: `over-cap`, the run wrote more than is kept, and the oldest went; `unwritable`,
 * they could not be written, as on a full disk; `damaged`, what stands in their place cannot be read; `cut-short`,
 * the agent was killed in the middle of the last line, or the log ends before its run did.
 */
export type LogGapReason = (typeof LOG_GAP_REASONS)[number];

/** What stands in the place of lines that are missing, so that no loss is silent. */
export const logGapSchema = closedObject({
  kind: z.literal("gap"),
  reason: z.enum(LOG_GAP_REASONS),
  /** As many as are known to be missing, and their size; 0 when nobody knows. */
  records: count,
  bytes: count,
});
export type LogGap = z.infer<typeof logGapSchema>;

export const logRecordSchema = z.discriminatedUnion("kind", [
  logSummarySchema,
  logStepSchema,
  logMessageSchema,
  logGapSchema,
]);
export type LogRecord = z.infer<typeof logRecordSchema>;
