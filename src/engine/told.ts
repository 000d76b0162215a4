import { SallyportError } from "../base/errors.ts";
import { MAX_ERROR_CAUSES } from "../base/limits.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import type { RunErrorRecord } from "../protocol/payloads/errors.ts";

/** What of an error may be written down where it can leave from: never words that may quote a document. */

/** The message of an error. A defect's own words stay out: a parser's, for one, quote what they stumbled over. */
export function toldMessage({ code, message, cause }: SallyportError): string {
  if (code !== "internal") return message;
  return `something went wrong that nobody foresaw (${
    nameOf(cause)
  }); its words may quote a document and are left out`;
}

/** What lies under an error, outermost first; `redact` takes secrets out. */
export function toldCauses(
  error: SallyportError,
  redact: (text: string) => string,
): RunErrorRecord["causes"] {
  const causes: RunErrorRecord["causes"] = [];
  for (let at = error.cause; at !== undefined && causes.length < MAX_ERROR_CAUSES;) {
    const code = (at as { code?: unknown } | null)?.code;
    causes.push({
      name: nameOf(at),
      ...(typeof code === "string" ? { code: redact(code).slice(0, 60) } : {}),
      ...(at instanceof Error && isOurs(at) ? { message: redact(at.message) } : {}),
    });
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes;
}

/** Errors whose words are those of this program, of the operating system, or of the database. */
function isOurs(error: Error): boolean {
  return error instanceof SallyportError || isDatabaseError(error) ||
    Object.values(Deno.errors).some((known) => error instanceof known);
}

function nameOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.name : typeof thrown).slice(0, 100);
}
