import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import { notFound } from "./errors.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

const approveRecovery = createRoute({
  method: "post",
  path: "/agents/{id}/approve-recovery",
  tags: ["agents"],
  summary: "Let an agent whose certificate has expired have a new one for the key that it holds",
  request: { params: z.object({ id: agentId }) },
  responses: {
    200: json(z.object({ id: agentId, approvedAt: time }).openapi("RecoveryApproval"), "Approved"),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

/** The route by which an operator approves a recovery. */
export function recoveryRoutes({ clock, log, store }: Context): Api {
  const api = createApi();
  api.openapi(approveRecovery, async (c) => {
    const { id } = c.req.valid("param");
    const who = c.get("who");
    const agent = await store.agents.get(id);
    if (!agent) throw notFound(`agent ${id}`);
    const at = clock.now();
    await store.tokens.audit({ at, who, action: "agent.approve-recovery", subject: id });
    await store.recoveries.approve(id, at);
    log.warn("approved the recovery of an agent", { agent: id, name: agent.name, who });
    return c.json({ id, approvedAt: isoTime(at) }, 200);
  });
  return api;
}
