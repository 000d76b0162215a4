import type { HttpBindings } from "@hono/node-server";
import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import { SallyportError } from "../../base/errors.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { MAX_ERROR_CHARS, MAX_PARAMETERS_BYTES, MAX_REQUEST_LIFE_MS } from "../../base/limits.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import { ANSWER_CLASSES, ANSWERS } from "../../protocol/answers.ts";
import { misfit } from "../../protocol/messages.ts";
import type { Context } from "../context.ts";
import { answerStream } from "../requests/answer_stream.ts";
import type { RequestRecord } from "../store/requests.ts";
import { REQUEST_STATES } from "../store/requests.ts";
import { findAgent } from "./agent_view.ts";
import { errorBody, errorSchema, notFound } from "./errors.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";
import { demandRight } from "./security.ts";

const count = z.int().min(0);
const channel = z.enum(ANSWER_CLASSES as [AnswerClass, ...AnswerClass[]]);
const DEFAULT_LIFE_SECONDS = 3_600;

const requestSchema = z.object({
  id: z.uuid(),
  agent: agentId,
  agentName: z.string(),
  channel,
  parameters: z.record(z.string(), z.unknown()),
  requester: z.string().openapi({ description: "The name of the token" }),
  reason: z.string(),
  askedAt: time,
  deadline: time,
  state: z.enum(REQUEST_STATES),
  outcome: z.object({
    at: time,
    code: z.string().optional().openapi({ description: "A closed code, when there is no whole answer" }),
    reason: z.string().optional(),
    retryAfterMs: count.optional().openapi({ description: "When the same may succeed" }),
  }).optional().openapi({ description: "Once it has ended" }),
  answer: z.object({
    records: count,
    bytes: count,
    kept: z.boolean().openapi({ description: "Whether it can still be had" }),
  }).openapi({ description: "What has come so far" }),
}).openapi("Request");

const params = z.object({ id: z.uuid() });
const CONFLICT = {
  409: json(errorSchema, "The request ended without an answer, for the reason that is told"),
};

const postRequest = createRoute({
  method: "post",
  path: "/agents/{id}/requests",
  tags: ["requests"],
  summary: "Ask an agent for something: the log or the errors of a run",
  description:
    "Needs the right of the channel's name. The request is kept, and reaches the agent at once or when it connects; " +
    "the agent's owner decides whether it is answered. See docs/requests.md.",
  request: {
    params: z.object({ id: agentId }),
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            channel,
            parameters: z.record(z.string(), z.unknown()).openapi({ description: "What the channel takes" }),
            reason: z.string().max(MAX_ERROR_CHARS).default("").openapi({
              description: "Why, for the agent's owner to read",
            }),
            withinSeconds: z.int().min(1).max(MAX_REQUEST_LIFE_MS / 1_000).default(DEFAULT_LIFE_SECONDS)
              .openapi({ description: "Its deadline: what is not answered by then is not answered" }),
          }).openapi("NewRequest"),
        },
      },
    },
  },
  responses: {
    200: json(requestSchema, "It is kept"),
    ...FAILURES,
    ...NOT_FOUND,
    429: json(errorSchema, "Too many wait or come; `Retry-After` says when to try again"),
  },
});

const listRequests = createRoute({
  method: "get",
  path: "/requests",
  tags: ["requests"],
  summary: "What was asked of agents, newest first",
  request: {
    query: z.object({
      agent: agentId.optional(),
      state: z.enum(REQUEST_STATES).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
    }),
  },
  responses: { 200: json(z.object({ requests: z.array(requestSchema) }), "The newest"), ...FAILURES },
});

const getRequest = createRoute({
  method: "get",
  path: "/requests/{id}",
  tags: ["requests"],
  summary: "One request",
  request: { params },
  responses: { 200: json(requestSchema, "The request"), ...FAILURES, ...NOT_FOUND },
});

const deleteRequest = createRoute({
  method: "delete",
  path: "/requests/{id}",
  tags: ["requests"],
  summary: "Take a request back: nothing more of its answer comes",
  description: "Its requester may, and whoever may administer. Of one that has ended, nothing changes.",
  request: { params },
  responses: { 200: json(requestSchema, "The request"), ...FAILURES, ...NOT_FOUND },
});

const getAnswer = createRoute({
  method: "get",
  path: "/requests/{id}/answer",
  tags: ["requests"],
  summary: "The answer, a JSON object a line, live while it comes",
  description:
    "Needs the right of the channel's name. Waits for an answer that has not begun. It breaks off when the request ends " +
    "without a whole answer; `GET /requests/{id}` says why.",
  request: {
    params,
    query: z.object({
      format: z.enum(["ndjson", "gzip"]).default("ndjson").openapi({
        description: "`gzip`: as a gzip file, which may have several members",
      }),
    }),
  },
  responses: {
    200: { description: "The lines", content: { "application/x-ndjson": { schema: z.string() } } },
    ...FAILURES,
    ...NOT_FOUND,
    ...CONFLICT,
  },
});

/** Routes about what is asked of agents. */
export function requestRoutes({ requests: desk, store }: Context): Api {
  const { requests } = store;
  const api = createApi();
  const find = async (id: string) => {
    const request = await requests.get(id);
    if (!request) throw notFound(`request ${id}`);
    return request;
  };
  api.openapi(postRequest, async (c) => {
    const { channel, parameters, reason, withinSeconds } = c.req.valid("json");
    demandRight(c.get("who"), c.get("rights"), channel);
    const agent = await findAgent(c.req.valid("param").id, store);
    if (agent.revokedAt !== undefined) {
      throw new SallyportError("request.invalid", `${agent.name} was revoked, and will never answer`);
    }
    const asked = ANSWERS[channel].parameters.safeParse(parameters);
    if (!asked.success) {
      throw new SallyportError("request.invalid", `of "parameters", ${misfit(asked.error)}`);
    }
    if (JSON.stringify(parameters).length > MAX_PARAMETERS_BYTES) {
      throw new SallyportError("request.invalid", `"parameters" has more than ${MAX_PARAMETERS_BYTES} bytes`);
    }
    const wish = {
      agent,
      channel,
      parameters,
      requester: c.get("who"),
      reason,
      withinMs: withinSeconds * 1_000,
    };
    return c.json(describeRequest(await desk.ask(wish)), 200);
  });
  api.openapi(listRequests, async (c) => {
    const list = await requests.list(c.req.valid("query"));
    return c.json({ requests: list.map(describeRequest) }, 200);
  });
  api.openapi(getRequest, async (c) => c.json(describeRequest(await find(c.req.valid("param").id)), 200));
  api.openapi(deleteRequest, async (c) => {
    const request = await find(c.req.valid("param").id);
    if (c.get("who") !== request.requester) demandRight(c.get("who"), c.get("rights"), "administer");
    await desk.cancel(request, c.get("who"));
    return c.json(describeRequest(await find(request.id)), 200);
  });
  api.openapi(getAnswer, async (c) => {
    const request = await find(c.req.valid("param").id);
    demandRight(c.get("who"), c.get("rights"), request.channel);
    const ended = await begun(request, { requests: desk, store });
    if (ended) return errorBody(c, 409, ended) as never;
    const compressed = c.req.valid("query").format === "gzip";
    const breakOff = () => (c.env as HttpBindings).outgoing.destroy();
    const stream = answerStream(request.id, { desk, requests, compressed, breakOff });
    const type = compressed ? "application/gzip" : "application/x-ndjson";
    const name = `${request.channel}-${request.id}.ndjson${compressed ? ".gz" : ""}`;
    const headers = { "Content-Type": type, "Content-Disposition": `attachment; filename="${name}"` };
    return new Response(stream, { headers }) as never;
  });
  return api;
}

/** Waits until something of the answer is there; why there is nothing when it ends without. */
async function begun(
  { id }: RequestRecord,
  { requests: desk, store }: Pick<Context, "requests" | "store">,
): Promise<SallyportError | undefined> {
  for (;;) {
    const change = desk.change(id);
    const request = await store.requests.get(id);
    if (!request) return notFound(`request ${id}`);
    if (request.endedAt !== null && request.state !== "answered") {
      return new SallyportError(request.code as ErrorCode, request.words ?? "", {
        remedy: "Ask again once the reason is gone.",
      });
    }
    if (request.chunks > 0 && !isKept(request)) {
      return new SallyportError("request.not-found", "the answer is not kept any more", {
        remedy: "Ask again: answers are kept for a few days, and not without a bound.",
      });
    }
    if (request.chunks > 0) return undefined;
    if (desk.isOver) return new SallyportError("request.interrupted", "the platform stops");
    await change;
  }
}

function isKept({ chunks, keptBytes }: RequestRecord): boolean {
  return chunks === 0 || keptBytes > 0;
}

function describeRequest(request: RequestRecord): z.infer<typeof requestSchema> {
  const { id, agent, agentName, channel, parameters, requester, reason, askedAt, deadline, state } = request;
  const { endedAt, code, words, retryAfterMs, records, bytes } = request;
  return {
    id,
    agent,
    agentName,
    channel,
    parameters: JSON.parse(parameters),
    requester,
    reason,
    askedAt: isoTime(askedAt),
    deadline: isoTime(deadline),
    state,
    ...(endedAt === null ? {} : {
      outcome: {
        at: isoTime(endedAt),
        ...(code === null ? {} : { code }),
        ...(words === null ? {} : { reason: words }),
        ...(retryAfterMs === null ? {} : { retryAfterMs }),
      },
    }),
    answer: { records, bytes, kept: isKept(request) },
  };
}
