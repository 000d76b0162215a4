import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import { recoveryState } from "../sessions/recovery.ts";
import { findAgent } from "./agent_view.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

const approvalSchema = z.object({
  id: agentId,
  approvedAt: time,
  counts: z.boolean().openapi({
    description:
      "Whether it lets the agent in: not while its certificate is good, too late, or when it is revoked",
  }),
}).openapi("RecoveryApproval");

const approveRecovery = createRoute({
  method: "post",
  path: "/agents/{id}/approve-recovery",
  tags: ["agents"],
  summary: "Let an agent whose certificate has expired have a new one for the key that it holds",
  request: { params: z.object({ id: agentId }) },
  responses: { 200: json(approvalSchema, "Approved"), ...FAILURES, ...NOT_FOUND },
});

/** The route by which an operator approves a recovery. */
export function recoveryRoutes(context: Context): Api {
  const { clock, events, fleet, log, store } = context;
  const api = createApi();
  api.openapi(approveRecovery, async (c) => {
    const agent = await findAgent(c.req.valid("param").id, store);
    const { uid: id, name } = agent;
    const who = c.get("who");
    const at = clock.now();
    await store.tokens.audit({ at, who, action: "agent.approve-recovery", subject: id });
    await store.recoveries.approve(id, at);
    const presence = fleet.presenceOf(agent);
    const knock = presence.state === "offline" ? presence.knock : undefined;
    const notAfter = knock?.notAfter ?? agent.certificateExpires;
    const counts = agent.revokedAt === undefined && notAfter !== undefined && notAfter < at &&
      await recoveryState(id, notAfter, context) === "granted";
    log.warn("approved the recovery of an agent", { agent: id, name, who, counts });
    if (counts) events.emit("recovery", { id, name, state: "approved" });
    return c.json({ id, approvedAt: isoTime(at), counts }, 200);
  });
  return api;
}
