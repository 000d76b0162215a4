import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import { DOCUMENT_RESULTS } from "../../protocol/payloads/data.ts";
import type { Context } from "../context.ts";
import { notFound } from "./errors.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";
import { demandRight } from "./security.ts";

const count = z.int().min(0);

const documentSchema = z.object({
  name: z.string().openapi({ description: "The file that it was read from" }),
  directory: z.string().openapi({ description: "Relative to the agent's home" }),
  row: z.int().min(1).openapi({ description: "Its number in the file" }),
  result: z.enum(DOCUMENT_RESULTS).openapi({ description: "What became of it" }),
  fields: z.record(z.string(), z.string()),
  cut: z.array(z.string()).openapi({ description: "The names of those of which only the beginning is here" }),
}).openapi("Document");

const listDocuments = createRoute({
  method: "get",
  path: "/runs/{id}/documents",
  tags: ["runs"],
  summary:
    "The tracked fields of a run's documents, in the order of reading; each call is noted in the audit",
  description: "Needs the right `data`.",
  request: {
    params: z.object({ id: z.uuid() }),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
      offset: z.coerce.number().int().min(0).default(0).openapi({ description: "`next` of the page before" }),
    }),
  },
  responses: {
    200: json(
      z.object({
        documents: z.array(documentSchema),
        total: count.openapi({ description: "Documents of the run whose fields are here" }),
        beyond: count.openapi({ description: "Documents of the run beyond those that its process tracks" }),
        until: time.optional().openapi({ description: "When they are forgotten" }),
        next: count.optional(),
      }),
      "A page; `next` is there when more follow",
    ),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

/** The route to the fields of documents: production data, so whoever reads them is noted before they are given. */
export function documentRoutes({ store, clock }: Context): Api {
  const api = createApi();
  api.openapi(listDocuments, async (c) => {
    demandRight(c.get("who"), c.get("rights"), "data");
    const { id } = c.req.valid("param");
    const { limit, offset } = c.req.valid("query");
    if (!await store.runs.get(id)) throw notFound(`run ${id}`);
    const now = clock.now();
    const run = await store.documents.run(id, now);
    if (!run) return c.json({ documents: [], total: 0, beyond: 0 }, 200);
    await store.tokens.audit({ at: now, who: c.get("who"), action: "run.read-documents", subject: id });
    const documents = await store.documents.list(id, { now, limit, offset });
    const next = offset + documents.length;
    const { documents: total, beyond, until } = run;
    return c.json(
      { documents, total, beyond, until: isoTime(until), ...(next < total ? { next } : {}) },
      200,
    );
  });
  return api;
}
