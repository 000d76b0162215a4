import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "../context.ts";
import { PROCESS_STATES } from "../sessions/process_states.ts";
import { agentSchema, describeAgent, findAgent } from "./agent_view.ts";
import { describeGap, gapSchema } from "./gaps.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND } from "./routes.ts";

/** `GET /gaps` tells of more. */
const SHOWN_GAPS = 20;

const processStateSchema = z.object({
  process: z.string(),
  state: z.enum(PROCESS_STATES),
  version: z.int().optional(),
  reason: z.string().optional(),
}).openapi("ProcessState");

const listAgents = createRoute({
  method: "get",
  path: "/agents",
  tags: ["agents"],
  summary: "All agents",
  responses: { 200: json(z.object({ agents: z.array(agentSchema) }), "By name"), ...FAILURES },
});

const params = z.object({ id: agentId });

const getAgent = createRoute({
  method: "get",
  path: "/agents/{id}",
  tags: ["agents"],
  summary: "One agent with the state of its processes, and the records that it lost",
  request: { params },
  responses: {
    200: json(
      agentSchema.extend({ processes: z.array(processStateSchema), gaps: z.array(gapSchema) })
        .openapi("AgentDetail"),
      "The agent",
    ),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

const revokeAgent = createRoute({
  method: "post",
  path: "/agents/{id}/revoke",
  tags: ["agents"],
  summary: "Revoke an agent: its session ends at once and its certificates are void for good",
  request: { params },
  responses: { 200: json(agentSchema, "The agent"), ...FAILURES, ...NOT_FOUND },
});

/** Routes about agents. */
export function agentRoutes(context: Context): Api {
  const { clock, clones, fleet, log, rollout, store } = context;
  const api = createApi();
  api.openapi(listAgents, async (c) => {
    const agents = await store.agents.list();
    const rotations = await store.certificates.rotations();
    const described = agents.map((agent) => describeAgent(agent, rotations.get(agent.uid), context));
    return c.json({ agents: await Promise.all(described) }, 200);
  });
  api.openapi(getAgent, async (c) => {
    const agent = await findAgent(c.req.valid("param").id, store);
    const rotation = await store.certificates.rotation(agent.uid);
    const processes = await rollout.statesOn(agent);
    const gaps = (await store.gaps.list({ agent: agent.uid, limit: SHOWN_GAPS })).map(describeGap);
    return c.json({ ...await describeAgent(agent, rotation, context), processes, gaps }, 200);
  });
  api.openapi(revokeAgent, async (c) => {
    const agent = await findAgent(c.req.valid("param").id, store);
    const who = c.get("who");
    if (await store.agents.revoke(agent.uid, clock.now())) {
      await store.tokens.audit({ at: clock.now(), who, action: "agent.revoke", subject: agent.uid });
      fleet.revoke(agent);
      clones.forget(agent.uid);
      log.warn("revoked an agent", { agent: agent.uid, name: agent.name, who });
    }
    const rotation = await store.certificates.rotation(agent.uid);
    return c.json(await describeAgent(await findAgent(agent.uid, store), rotation, context), 200);
  });
  return api;
}
