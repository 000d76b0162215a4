import { z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import type { Clones } from "../sessions/clones.ts";
import { conditionsIn } from "../sessions/conditions.ts";
import type { Presence } from "../sessions/presence.ts";
import { PRESENCE_REASONS, PRESENCE_STATES } from "../sessions/presence.ts";
import { RECOVERY_STATES, recoveryState } from "../sessions/recovery.ts";
import { TRANSPORTS } from "../sessions/wire.ts";
import type { AgentRecord } from "../store/agents.ts";
import { CONFIG_STATUSES } from "../store/agents.ts";
import type { KeyRotation } from "../store/certificates.ts";
import type { Store } from "../store/store.ts";
import { notFound } from "./errors.ts";
import { agentId, time } from "./routes.ts";

const componentSchema = z.object({ healthy: z.boolean(), status: z.string(), lastError: z.string() });

const conditionSchema = z.object({
  code: z.string().optional().openapi({ description: "From docs/health.md" }),
  severity: z.enum(["error", "warning"]),
  component: z.string().optional().openapi({ description: "The part of the agent that has it" }),
  since: time.optional().openapi({ description: "By the agent's clock" }),
  reason: z.string(),
  remedy: z.string().optional().openapi({ description: "What to do about it" }),
}).openapi("Condition");

const clonesSchema = z.object({
  since: time,
  lastSeen: time.openapi({ description: "When one of them came back last" }),
  starts: z.array(z.object({
    id: z.string(),
    firstSeen: time,
    lastSeen: time,
    address: z.string(),
    facts: z.record(z.string(), z.string()),
  })).openapi({ description: "The starts of agents that were seen lately, the last to come at the end" }),
}).openapi("Clones", { description: "Several agents live with this identity: its home was copied" });

const recoverySchema = z.object({
  state: z.enum(RECOVERY_STATES).openapi({
    description: "Whether the agent, which came with an expired certificate, may have a new one",
  }),
  expired: time.openapi({ description: "The end of the certificate that it came with" }),
  lastKnock: time.openapi({ description: "When it came last" }),
}).openapi("Recovery");

export const rotationSchema = z.object({
  state: z.enum(["requested", "done"]),
  requestedAt: time,
  requestedBy: z.string().openapi({ description: "The name of the token" }),
  doneAt: time.optional().openapi({ description: "When the new key was used for the first time" }),
}).openapi("KeyRotation");

export const agentSchema = z.object({
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
  clones: clonesSchema.optional(),
  recovery: recoverySchema.optional(),
  keyRotation: rotationSchema.optional(),
  config: z.object({ hash: z.string(), status: z.enum(CONFIG_STATUSES), error: z.string() }),
}).openapi("Agent");

/**
 * An agent that is named in a request.
 *
 * @throws {SallyportError} `request.not-found`
 */
export async function findAgent(id: string, { agents }: Pick<Store, "agents">): Promise<AgentRecord> {
  const agent = await agents.get(id);
  if (!agent) throw notFound(`agent ${id}`);
  return agent;
}

/** All that the API tells of an agent. */
export async function describeAgent(
  agent: AgentRecord,
  rotation: KeyRotation | undefined,
  context: Pick<Context, "clock" | "clones" | "fleet" | "settings" | "store">,
): Promise<z.infer<typeof agentSchema>> {
  const presence = context.fleet.presenceOf(agent);
  const { state, reason, since, lastSeen } = presence;
  const transport = context.fleet.session(agent.uid)?.transport;
  const { uid, name, enrolledAt, revokedAt, certificateExpires, attributes, health, config } = agent;
  const clones = context.clones.of(uid);
  const recovery = await describeRecovery(uid, presence, context);
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
    ...(clones ? { clones: describeClones(clones) } : {}),
    ...(recovery ? { recovery } : {}),
    ...(rotation ? { keyRotation: describeRotation(rotation) } : {}),
    config,
  };
}

/** A request for a new key as the API tells of it. */
export function describeRotation(
  { requestedAt, requestedBy, doneAt }: KeyRotation,
): z.infer<typeof rotationSchema> {
  const state = doneAt === undefined ? "requested" : "done";
  return { state, requestedAt: isoTime(requestedAt), requestedBy, ...optionalTime("doneAt", doneAt) };
}

function describeClones({ since, lastSeen, starts }: Clones): z.infer<typeof clonesSchema> {
  return {
    since: isoTime(since),
    lastSeen: isoTime(lastSeen),
    starts: starts.map((start) => ({
      ...start,
      firstSeen: isoTime(start.firstSeen),
      lastSeen: isoTime(start.lastSeen),
    })),
  };
}

async function describeRecovery(
  uid: string,
  presence: Presence,
  context: Pick<Context, "clock" | "settings" | "store">,
): Promise<z.infer<typeof recoverySchema> | undefined> {
  if (presence.state !== "offline" || !presence.knock) return undefined;
  const { at, notAfter } = presence.knock;
  const state = await recoveryState(uid, notAfter, context);
  return { state, expired: isoTime(notAfter), lastKnock: isoTime(at) };
}

function optionalTime<K extends string>(key: K, ms: number | undefined): { [key in K]?: string } {
  return (ms === undefined ? {} : { [key]: isoTime(ms) }) as { [key in K]?: string };
}
