import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Hook } from "@hono/zod-openapi";
import type { Env } from "hono";
import { SallyportError } from "../../base/errors.ts";
import type { Right } from "../store/tokens.ts";
import { errorSchema } from "./errors.ts";

/** What the middlewares leave for the routes: whose token is used, and what they may do. */
export interface ApiEnv extends Env {
  Variables: { who: string; rights: readonly Right[] };
}

export type Api = OpenAPIHono<ApiEnv>;

const complain: Hook<unknown, ApiEnv, string, unknown> = (result) => {
  if (result.success) return;
  const issue = result.error.issues[0];
  const field = issue?.path.join(".") || result.target;
  throw new SallyportError("request.invalid", `"${field}" is not valid: ${issue?.message}`, {
    remedy: "See /api/openapi.json for what the API takes.",
  });
};

/** A part of the API; what does not fit its schema is refused by naming the field. */
export function createApi(): Api {
  return new OpenAPIHono<ApiEnv>({ defaultHook: complain });
}

/** A JSON answer, for a route's `responses`. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** The answers that every route with a token can give beside its own. */
export const FAILURES = {
  400: json(errorSchema, "The request does not fit the schema"),
  401: json(errorSchema, "No valid token"),
  403: json(errorSchema, "The token lacks a right"),
} as const;

export const NOT_FOUND = { 404: json(errorSchema, "What was named is not there") } as const;

export const time = z.iso.datetime().openapi({ example: "2026-11-22T22:49:07.000Z" });
export const agentId = z.uuid().openapi({ description: "The agent's identity" });
