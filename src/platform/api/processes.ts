import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import { PRESENCE_STATES } from "../sessions/presence.ts";
import { PROCESS_STATES } from "../sessions/process_states.ts";
import type { ProcessRecord } from "../store/processes.ts";
import { notFound } from "./errors.ts";
import { checkPublication } from "./publication.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";
import { errorSchema } from "./errors.ts";

const processName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
  error: "a process is named by letters, digits, dots, dashes and underscores, at most 100",
});
const assignment = z.union([z.literal("all"), z.array(agentId).max(10_000)]);

const processSchema = z.object({
  name: z.string(),
  version: z.int(),
  digest: z.string().openapi({ description: "SHA-256 of the definition's text" }),
  publishedAt: time,
  publishedBy: z.string(),
  agents: assignment,
}).openapi("Process");

const onAgentSchema = z.object({
  agent: agentId,
  agentName: z.string(),
  agentState: z.enum(PRESENCE_STATES),
  state: z.enum(PROCESS_STATES),
  reason: z.string().optional(),
});

const params = z.object({ name: processName });

const putProcess = createRoute({
  method: "put",
  path: "/processes/{name}",
  tags: ["processes"],
  summary: "Publish a process; connected agents get it at once",
  request: {
    params,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            definition: z.string().min(1).openapi({ description: "The process as YAML text" }),
            agents: assignment.default("all"),
          }).openapi("Publication"),
        },
      },
    },
  },
  responses: {
    200: json(
      processSchema.extend({ created: z.boolean() }).openapi("Published"),
      "`created` is false when the text was published before: the version stays",
    ),
    ...FAILURES,
    422: json(errorSchema, "The definition cannot be handed out"),
  },
});

const listProcesses = createRoute({
  method: "get",
  path: "/processes",
  tags: ["processes"],
  summary: "All processes with their state on each agent",
  responses: {
    200: json(
      z.object({ processes: z.array(processSchema.extend({ onAgents: z.array(onAgentSchema) })) }),
      "By name",
    ),
    ...FAILURES,
  },
});

const getProcess = createRoute({
  method: "get",
  path: "/processes/{name}",
  tags: ["processes"],
  summary: "One process: its text, its state on each agent, its versions",
  request: { params },
  responses: {
    200: json(
      processSchema.extend({
        definition: z.string(),
        onAgents: z.array(onAgentSchema),
        versions: z.array(
          z.object({ version: z.int(), digest: z.string(), publishedAt: time, publishedBy: z.string() }),
        ),
      }).openapi("ProcessDetail"),
      "The process",
    ),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

const deleteProcess = createRoute({
  method: "delete",
  path: "/processes/{name}",
  tags: ["processes"],
  summary: "Take a process from all agents; its history stays",
  request: { params },
  responses: { 200: json(z.object({ name: z.string() }), "It is removed"), ...FAILURES, ...NOT_FOUND },
});

/** Routes about processes. */
export function processRoutes(context: Context): Api {
  const { clock, store } = context;
  const api = createApi();
  const find = async (name: string) => {
    const process = await store.processes.get(name);
    if (!process) throw notFound(`process "${name}"`);
    return process;
  };
  const audit = (who: string, action: string, subject: string) =>
    store.tokens.audit({ at: clock.now(), who, action, subject });

  api.openapi(putProcess, async (c) => {
    const { name } = c.req.valid("param");
    const { definition, agents } = c.req.valid("json");
    const who = c.get("who");
    await checkPublication({ name, definition, agents }, store);
    const { version, created } = await store.processes.publish(
      { name, definition, agents, who },
      clock.now(),
    );
    await audit(who, "process.publish", `${name} ${version}`);
    await handOut(name, context, version);
    return c.json({ ...describeProcess(await find(name)), created }, 200);
  });
  api.openapi(deleteProcess, async (c) => {
    const { name } = c.req.valid("param");
    if (!await store.processes.remove(name, clock.now())) throw notFound(`process "${name}"`);
    await audit(c.get("who"), "process.remove", name);
    await handOut(name, context);
    return c.json({ name }, 200);
  });
  api.openapi(listProcesses, async (c) => {
    const onAgents = await statesByProcess(context);
    const processes = (await store.processes.list())
      .map((process) => ({ ...describeProcess(process), onAgents: onAgents.get(process.name) ?? [] }));
    return c.json({ processes }, 200);
  });
  api.openapi(getProcess, async (c) => {
    const process = await find(c.req.valid("param").name);
    const versions = (await store.processes.history(process.name))
      .map((version) => ({ ...version, publishedAt: isoTime(version.publishedAt) }));
    const onAgents = (await statesByProcess(context)).get(process.name) ?? [];
    return c.json({ ...describeProcess(process), definition: process.definition, onAgents, versions }, 200);
  });
  return api;
}

/** Tells every connected agent what changed, and everybody who watches. */
async function handOut(process: string, context: Context, version?: number): Promise<void> {
  const { events, fleet, rollout } = context;
  rollout.changed();
  events.emit("published", { process, ...(version === undefined ? {} : { version }) });
  for (const session of fleet.sessions()) {
    await session.pushConfig();
    await rollout.tell(session.uid);
  }
}

/** The state of every process on every agent that is not revoked. */
async function statesByProcess(
  { fleet, rollout, store }: Context,
): Promise<Map<string, z.infer<typeof onAgentSchema>[]>> {
  const byProcess = new Map<string, z.infer<typeof onAgentSchema>[]>();
  for (const agent of await store.agents.list()) {
    if (agent.revokedAt !== undefined) continue;
    for (const { process, state, reason } of await rollout.statesOn(agent)) {
      const list = byProcess.get(process) ?? [];
      byProcess.set(process, list);
      list.push({
        agent: agent.uid,
        agentName: agent.name,
        agentState: fleet.presenceOf(agent).state,
        state,
        ...(reason ? { reason } : {}),
      });
    }
  }
  return byProcess;
}

function describeProcess(process: ProcessRecord): z.infer<typeof processSchema> {
  const { name, version, digest, publishedAt, publishedBy, agents } = process;
  return {
    name,
    version,
    digest,
    publishedAt: isoTime(publishedAt),
    publishedBy,
    agents: agents === "all" ? "all" : [...agents],
  };
}
