import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { GapReason } from "../../protocol/payloads/stream.ts";
import { GAP_CLASSES, GAP_REASONS } from "../../protocol/payloads/stream.ts";
import type { Context } from "../context.ts";
import type { StoredGap } from "../store/gaps.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, time } from "./routes.ts";

const count = z.int().min(0);

/** What people are told of the reason. */
const WHY: Record<GapReason, string> = {
  "quota-bytes": "more waited to be sent than the agent's spool keeps",
  "quota-age": "they waited to be sent for longer than the agent's spool keeps them",
  "unreadable": "the agent could not read them any more; it has set them aside",
  "damaged": "the agent's database was damaged; at least these could not be saved",
  "rolled-back": "the agent's database went back to an earlier state, as by a backup that was restored; " +
    "nobody knows how many",
};

export const gapSchema = z.object({
  agent: agentId,
  agentName: z.string(),
  class: z.enum(GAP_CLASSES),
  reason: z.enum(GAP_REASONS),
  why: z.string().openapi({ description: "The reason in words" }),
  records: count.openapi({ description: "As many as are known to be lost" }),
  bytes: count,
  first: time.optional().openapi({ description: "When the first of them came to be, if that is known" }),
  last: time,
  receivedAt: time,
}).openapi("Gap");

const listGaps = createRoute({
  method: "get",
  path: "/gaps",
  tags: ["runs"],
  summary: "Records that agents lost before they could send them, newest first",
  request: {
    query: z.object({
      agent: agentId.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
    }),
  },
  responses: { 200: json(z.object({ gaps: z.array(gapSchema) }), "The newest"), ...FAILURES },
});

/** Routes about lost records. */
export function gapRoutes({ store }: Context): Api {
  const api = createApi();
  api.openapi(listGaps, async (c) => {
    const gaps = await store.gaps.list(c.req.valid("query"));
    return c.json({ gaps: gaps.map(describeGap) }, 200);
  });
  return api;
}

export function describeGap(gap: StoredGap): z.infer<typeof gapSchema> {
  return { ...gap, why: WHY[gap.reason], receivedAt: isoTime(gap.receivedAt) };
}
