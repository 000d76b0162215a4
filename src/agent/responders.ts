import type { Responders } from "../engine/requests/responder.ts";
import type { LogSource } from "../engine/logs/read.ts";
import { readRunLog } from "../engine/logs/read.ts";
import { readRunErrors } from "../engine/logs/read_errors.ts";
import { browseHome } from "./browsing.ts";

/** What answers requests in this home, a line for each class. */
export function createResponders(source: LogSource): Responders {
  const { clock } = source;
  return {
    logs: { answer: (query, signal) => readRunLog(query, source, signal) },
    errors: { answer: (query, signal) => readRunErrors(query, source, signal) },
    schema: { answer: (request, signal) => browseHome(request, { clock, signal }) },
  };
}
