import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES, json, time } from "./routes.ts";

const entrySchema = z.object({
  at: time,
  who: z.string().openapi({ description: "The name of the token" }),
  action: z.string(),
  subject: z.string(),
}).openapi("AuditEntry");

const getAudit = createRoute({
  method: "get",
  path: "/audit",
  tags: ["platform"],
  summary: "Who changed what by this API, and who read fields of documents, newest first",
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }) },
  responses: { 200: json(z.object({ entries: z.array(entrySchema) }), "The entries"), ...FAILURES },
});

/** The route of the audit. */
export function auditRoutes({ store }: Context): Api {
  const api = createApi();
  api.openapi(getAudit, async (c) => {
    const entries = await store.tokens.audited(c.req.valid("query").limit);
    return c.json({ entries: entries.map((entry) => ({ ...entry, at: isoTime(entry.at) })) }, 200);
  });
  return api;
}
