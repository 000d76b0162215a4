import { createRoute, z } from "@hono/zod-openapi";
import { FILE_ROLES, RUN_OUTCOMES, TRIGGER_KINDS } from "../../protocol/payloads/tracking.ts";
import type { Context } from "../context.ts";
import { notFound } from "./errors.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

const outcome = z.enum([...RUN_OUTCOMES, "running"]);
const count = z.int().min(0);

const runSchema = z.object({
  id: z.uuid(),
  agent: agentId,
  agentName: z.string(),
  process: z.string(),
  version: z.string(),
  definition: z.string().openapi({ description: "First 12 hex digits of the SHA-256 of the definition" }),
  trigger: z.enum(TRIGGER_KINDS),
  startedAt: time,
  endedAt: time.optional(),
  outcome,
  documents: z.object({ in: count, out: count, filtered: count, failed: count }),
  bytesIn: count,
  bytesOut: count,
  fileCount: count,
  error: z.object({ code: z.string(), message: z.string() }).optional(),
}).openapi("Run");

const fileSchema = z.object({
  role: z.enum(FILE_ROLES),
  name: z.string(),
  directory: z.string().openapi({ description: "Relative to the agent's home" }),
  bytes: count,
  documents: count,
  failed: count,
});

const listRuns = createRoute({
  method: "get",
  path: "/runs",
  tags: ["runs"],
  summary: "Runs, newest first",
  request: {
    query: z.object({
      agent: agentId.optional(),
      process: z.string().optional(),
      outcome: outcome.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
      before: z.uuid().optional().openapi({ description: "`next` of the page before" }),
    }),
  },
  responses: {
    200: json(
      z.object({ runs: z.array(runSchema), next: z.uuid().optional() }),
      "A page; `next` is there when more follow",
    ),
    ...FAILURES,
  },
});

const getRun = createRoute({
  method: "get",
  path: "/runs/{id}",
  tags: ["runs"],
  summary: "One run with its files",
  request: { params: z.object({ id: z.uuid() }) },
  responses: {
    200: json(
      runSchema.extend({
        files: z.array(fileSchema),
        trackedDocuments: count.openapi({
          description: "Documents whose tracked fields are at /runs/{id}/documents",
        }),
      }).openapi("RunDetail"),
      "The run",
    ),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

/** Routes about runs. */
export function runRoutes({ store, clock }: Context): Api {
  const api = createApi();
  api.openapi(listRuns, async (c) => {
    const { limit, ...filter } = c.req.valid("query");
    const found = await store.runs.list({ ...filter, limit: limit + 1 });
    const runs = found.slice(0, limit).map((run) => ({ ...run, outcome: run.outcome ?? "running" as const }));
    const next = found.length > limit ? runs.at(-1)?.id : undefined;
    return c.json({ runs, ...(next ? { next } : {}) }, 200);
  });
  api.openapi(getRun, async (c) => {
    const { id } = c.req.valid("param");
    const run = await store.runs.get(id);
    if (!run) throw notFound(`run ${id}`);
    const outcome = run.outcome ?? "running" as const;
    const [files, tracked] = [await store.runs.files(id), await store.documents.run(id, clock.now())];
    return c.json({ ...run, outcome, files, trackedDocuments: tracked?.documents ?? 0 }, 200);
  });
  return api;
}
