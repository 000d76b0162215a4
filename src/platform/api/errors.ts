import type { Context as HonoContext } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "@hono/zod-openapi";
import type { ErrorCode } from "../../base/errors.ts";
import { asSallyportError, messageOf, SallyportError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

const STATUS: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  "request.invalid": 400,
  "request.unauthorised": 401,
  "request.forbidden": 403,
  "request.not-found": 404,
  "request.busy": 429,
  "process.invalid": 422,
};

/** Every answer that is not a success. */
export const errorSchema = z.object({
  error: z.object({
    code: z.string().openapi({ description: "A closed code, for programs" }),
    message: z.string().openapi({ description: "What was wrong, for people" }),
    remedy: z.string().openapi({ description: "What to do about it" }),
  }),
}).openapi("Error");

/** Answers a request that failed; what we did not foresee is logged and not shown. */
export function answerError(c: HonoContext, thrown: unknown, log: Log): Response {
  if (thrown instanceof HTTPException) {
    return errorBody(c, thrown.status, new SallyportError("request.invalid", thrown.message));
  }
  const error = asSallyportError(thrown);
  const status = STATUS[error.code];
  if (status !== undefined) return errorBody(c, status, error);
  log.error("an API request failed", { path: c.req.path, method: c.req.method, reason: messageOf(thrown) });
  return errorBody(
    c,
    500,
    new SallyportError("internal", "the platform failed inside", { remedy: "Its log says why." }),
  );
}

/** An error as the API's JSON. */
export function errorBody(c: HonoContext, status: ContentfulStatusCode, error: SallyportError): Response {
  const { code, message, remedy = "See /api/openapi.json for what the API takes.", facts } = error;
  if (facts.retryAfterSeconds !== undefined) c.header("Retry-After", String(facts.retryAfterSeconds));
  return c.json({ error: { code, message, remedy } }, status);
}

/** The error for something that is named and not there. */
export function notFound(what: string): SallyportError {
  return new SallyportError("request.not-found", `there is no ${what}`, {
    remedy: "List what there is first, and check the spelling.",
  });
}
