import * as z from "zod/mini";
import { regexes } from "zod/v4/core";
import { MAX_ERROR_CHARS, MAX_NAME_CHARS, MAX_PATH_CHARS } from "../../base/limits.ts";
import { closedObject, pattern, text, wholeNumber } from "../../base/quick_schemas.ts";

/** Fields that payloads have in common. */

export const count = wholeNumber(0);
export const uuid = pattern("a UUID", regexes.uuid());
export const time = pattern("a time in UTC as ISO 8601", regexes.datetime({}));
export const name = text(1, MAX_NAME_CHARS);
/** Relative to the agent's home, with "/" between folders. */
export const directory = text(0, MAX_PATH_CHARS);

/** What became of a run's documents: `in` = `out` + `filtered` + `failed`, unless an error ended it half-way. */
export const documentCounts = closedObject({ in: count, out: count, filtered: count, failed: count });

/** What ended a run that failed, and the input that it is about. Never the content of a document. */
export const endingError = closedObject({
  code: text(0, 60),
  message: text(0, MAX_ERROR_CHARS),
  file: z.optional(closedObject({ name, directory })),
});
