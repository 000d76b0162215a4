import * as z from "zod/mini";
import { MAX_ERROR_CAUSES, MAX_ERROR_CHARS } from "../../base/limits.ts";
import { closedObject, text, wholeNumber } from "../../base/quick_schemas.ts";
import { directory, documentCounts, name, time, uuid } from "./fields.ts";
import { stepName } from "./logs.ts";
import { RUN_OUTCOMES } from "./tracking.ts";

/**
 * What went wrong in one run, which somebody asks for: {@linkcode errorQuerySchema} in, a row of
 * {@linkcode errorRecordSchema} out. First comes a `run`, then an `error` for what ended it and for each input that
 * failed as a whole, then a `document` for each that failed, up to a bound, and a `more` for those beyond it.
 *
 * Every schema is closed and bounded: what is not named here cannot leave. The content of documents has no place
 * here: it is of the class `data`, and stands in the dead letter.
 */

export const errorQuerySchema = closedObject({ runId: uuid });
export type ErrorQuery = z.infer<typeof errorQuerySchema>;

const erroredRunSchema = closedObject({
  kind: z.literal("run"),
  runId: uuid,
  process: name,
  startedAt: time,
  /** These three are there once the run has ended. */
  endedAt: z.optional(time),
  outcome: z.optional(z.enum(RUN_OUTCOMES)),
  documents: z.optional(documentCounts),
});

/** From the closed list of `protocol/run_errors.ts`, which is `docs/errors.md`. */
const code = text(1, 60);
const file = closedObject({ name, directory });
const guidance = {
  /** Whether it may succeed later with nothing changed by a person. */
  retryable: z.boolean(),
  /** What to do. */
  remedy: text(0, MAX_ERROR_CHARS),
};

const runErrorSchema = closedObject({
  kind: z.literal("error"),
  /** Whether it ended the run, or only one input of it. */
  scope: z.enum(["run", "input"]),
  time,
  code,
  /** Where the run was at work when it came up. */
  step: z.optional(stepName),
  message: text(0, MAX_ERROR_CHARS),
  file: z.optional(file),
  /** What lies underneath, outermost first. Words that may quote a document are left out. */
  causes: z.array(closedObject({
    /** The class of the error, such as `PermissionDenied`, and the system's own code, such as `EACCES`. */
    name: text(0, 100),
    code: z.optional(text(0, 60)),
    message: z.optional(text(0, MAX_ERROR_CHARS)),
  })).check(z.maxLength(MAX_ERROR_CAUSES)),
  ...guidance,
});
export type RunErrorRecord = z.infer<typeof runErrorSchema>;

const failedDocumentSchema = closedObject({
  kind: z.literal("document"),
  time,
  code,
  step: stepName,
  file,
  /** The document's number in its input, and the line that it starts on, from 1. */
  row: wholeNumber(1),
  line: wholeNumber(1),
  message: text(0, MAX_ERROR_CHARS),
  ...guidance,
});
export type FailedDocument = z.infer<typeof failedDocumentSchema>;

/** Documents that failed in the same step with the same code as others that are listed, and are not. */
const moreFailuresSchema = closedObject({
  kind: z.literal("more"),
  step: stepName,
  code,
  documents: wholeNumber(1),
});

/** In the place of details that are missing: their run's log was removed by its age, or could not be written. */
const missingDetailsSchema = closedObject({
  kind: z.literal("missing"),
  /** Documents that failed, and of which nothing else is known. */
  documents: wholeNumber(1),
});

export const errorRecordSchema = z.discriminatedUnion("kind", [
  erroredRunSchema,
  runErrorSchema,
  failedDocumentSchema,
  moreFailuresSchema,
  missingDetailsSchema,
]);
export type ErrorRecord = z.infer<typeof errorRecordSchema>;
