import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import { conditionsIn } from "../sessions/conditions.ts";
import { PRESENCE_REASONS, PRESENCE_STATES } from "../sessions/presence.ts";
import { PROCESS_STATES } from "../sessions/process_states.ts";
import { TRANSPORTS } from "../sessions/wire.ts";
import type { AgentRecord } from "../store/agents.ts";
import { CONFIG_STATUSES } from "../store/agents.ts";
import { notFound } from "./errors.ts";
import { describeGap, gapSchema } from "./gaps.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

/** `GET /gaps` tells of more. */
const SHOWN_GAPS = 20;

const componentSchema = z.object({ healthy: z.boolean(), status: z.string(), lastError: z.string() });

const conditionSchema = z.object({
  code: z.string().optional().openapi({ description: "From docs/health.md" }),
  severity: z.enum(["error", "warning"]),
  component: z.string().optional().openapi({ description: "The part of the agent that has it" }),
  since: time.optional().openapi({ description: "By the agent's clock" }),
  reason: z.string(),
  remedy: z.string().optional().openapi({ description: "What to do about it" }),
}).openapi("Condition");

const agentSchema = z.object({
  id: agentId,
  name: z.string(),
  state: z.enum(PRESENCE_STATES),
  reason: z.enum(PRESENCE_REASONS).optional().openapi({ description: "Why it is not online" }),
  since: time.openapi({ description: "Since when it is in this state" }),
  transport: z.enum(TRANSPORTS).optional().openapi({ description: "How it is connected, while it is" }),
  lastSeen: time.optional(),
  enrolledAt: time,
  revokedAt: time.optional(),
  certificateExpires: time.optional(),
  attributes: z.record(z.string(), z.string()),
  health: componentSchema.extend({
    components: z.record(z.string(), componentSchema),
    conditions: z.array(conditionSchema).openapi({ description: "What is wrong with it, errors first" }),
  }).optional(),
  config: z.object({ hash: z.string(), status: z.enum(CONFIG_STATUSES), error: z.string() }),
}).openapi("Agent");

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
  const { clock, fleet, log, rollout, store } = context;
  const api = createApi();
  const find = async (id: string) => {
    const agent = await store.agents.get(id);
    if (!agent) throw notFound(`agent ${id}`);
    return agent;
  };
  api.openapi(listAgents, async (c) => {
    const agents = await store.agents.list();
    return c.json({ agents: agents.map((agent) => describeAgent(agent, context)) }, 200);
  });
  api.openapi(getAgent, async (c) => {
    const agent = await find(c.req.valid("param").id);
    const processes = await rollout.statesOn(agent);
    const gaps = (await store.gaps.list({ agent: agent.uid, limit: SHOWN_GAPS })).map(describeGap);
    return c.json({ ...describeAgent(agent, context), processes, gaps }, 200);
  });
  api.openapi(revokeAgent, async (c) => {
    const agent = await find(c.req.valid("param").id);
    const who = c.get("who");
    if (await store.agents.revoke(agent.uid, clock.now())) {
      await store.tokens.audit({ at: clock.now(), who, action: "agent.revoke", subject: agent.uid });
      fleet.revoke(agent);
      log.warn("revoked an agent", { agent: agent.uid, name: agent.name, who });
    }
    return c.json(describeAgent(await find(agent.uid), context), 200);
  });
  return api;
}

function describeAgent(agent: AgentRecord, { fleet }: Pick<Context, "fleet">): z.infer<typeof agentSchema> {
  const { state, reason, since, lastSeen } = fleet.presenceOf(agent);
  const transport = fleet.session(agent.uid)?.transport;
  const { uid, name, enrolledAt, revokedAt, certificateExpires, attributes, health, config } = agent;
  return {
    id: uid,
    name,
    state,
    ...(reason ? { reason } : {}),
    since: isoTime(since),
    ...(transport ? { transport } : {}),
    ...optionalTime("lastSeen", lastSeen),
    enrolledAt: isoTime(enrolledAt),
    ...optionalTime("revokedAt", revokedAt),
    ...optionalTime("certificateExpires", certificateExpires),
    attributes,
    ...(health ? { health: { ...health, conditions: conditionsIn(health) } } : {}),
    config,
  };
}

function optionalTime<K extends string>(key: K, ms: number | undefined): { [key in K]?: string } {
  return (ms === undefined ? {} : { [key]: isoTime(ms) }) as { [key in K]?: string };
}
