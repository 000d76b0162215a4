import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Context } from "../context.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES, json, time } from "./routes.ts";

const count = z.int().min(0);

const getHealth = createRoute({
  method: "get",
  path: "/health",
  tags: ["platform"],
  summary: "Whether the platform is up; needs no token",
  security: [],
  responses: { 200: json(z.object({ status: z.literal("ok"), protocol: count }), "It is up") },
});

const getSummary = createRoute({
  method: "get",
  path: "/summary",
  tags: ["platform"],
  summary: "Everything in numbers",
  responses: {
    200: json(
      z.object({
        agents: z.object({ online: count, suspect: count, total: count }),
        processes: count,
        runs: z.object({
          total: count,
          running: count,
          succeeded: count,
          partial: count,
          failed: count,
          interrupted: count,
        }),
        documents: z.object({ in: count, out: count, filtered: count, failed: count }),
        files: count.openapi({ description: "Files that runs read or wrote" }),
        records: count.openapi({ description: "Tracking records stored" }),
        lost: z.object({ gaps: count, records: count }).openapi({
          description: "Records that agents lost before they could send them",
        }),
      }).openapi("Summary"),
      "The numbers",
    ),
    ...FAILURES,
  },
});

const getActivity = createRoute({
  method: "get",
  path: "/activity",
  tags: ["runs"],
  summary: "Documents by the minute in which their run ended",
  request: { query: z.object({ minutes: z.coerce.number().int().min(1).max(24 * 60).default(60) }) },
  responses: {
    200: json(
      z.object({
        now: time,
        minutes: z.array(z.object({ minute: z.string(), in: count, out: count, failed: count })),
      }).openapi("Activity"),
      "Oldest first; minutes without a run's end are left out",
    ),
    ...FAILURES,
  },
});

/** The route that everybody may ask. */
export function healthRoutes(): Api {
  const api = createApi();
  api.openapi(getHealth, (c) => c.json({ status: "ok" as const, protocol: PROTOCOL_VERSION }, 200));
  return api;
}

/** Routes about everything together. */
export function summaryRoutes({ clock, fleet, store }: Context): Api {
  const api = createApi();
  api.openapi(getSummary, async (c) => {
    const [agents, processes, totals] = [
      await store.agents.count(),
      await store.processes.list(),
      await store.runs.totals(),
    ];
    const total = Object.values(totals.runs).reduce((sum, n) => sum + n, 0);
    return c.json({
      agents: { ...fleet.counts(), total: agents },
      processes: processes.length,
      runs: { total, ...totals.runs },
      documents: totals.documents,
      files: totals.files,
      records: totals.records,
      lost: await store.gaps.totals(),
    }, 200);
  });
  api.openapi(getActivity, async (c) => {
    const now = clock.now();
    const from = isoTime(now - c.req.valid("query").minutes * 60_000);
    return c.json({ now: isoTime(now), minutes: await store.runs.activity(from) }, 200);
  });
  return api;
}
