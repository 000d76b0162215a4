import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import { findAgent } from "./agent_view.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

const checkpointSchema = z.object({
  number: z.int().openapi({ description: "The entry in the agent's ledger" }),
  hash: z.string().openapi({ description: "Its hash, which stands for everything up to it" }),
  notedAt: time.openapi({ description: "When the platform heard of it first" }),
}).openapi("Checkpoint");

const listCheckpoints = createRoute({
  method: "get",
  path: "/agents/{id}/checkpoints",
  tags: ["agents"],
  summary: "The checkpoints of an agent's ledger, for `sallyport egress verify --checkpoint`",
  request: { params: z.object({ id: agentId }) },
  responses: {
    200: json(z.object({ checkpoints: z.array(checkpointSchema) }), "In the order in which they were noted"),
    ...FAILURES,
    ...NOT_FOUND,
  },
});

/** The route that gives what the platform noted of an agent's ledger. */
export function checkpointRoutes({ store }: Pick<Context, "store">): Api {
  const api = createApi();
  api.openapi(listCheckpoints, async (c) => {
    const { id } = c.req.valid("param");
    await findAgent(id, store);
    const checkpoints = await store.checkpoints.list(id);
    return c.json(
      { checkpoints: checkpoints.map(({ notedAt, ...mark }) => ({ ...mark, notedAt: isoTime(notedAt) })) },
      200,
    );
  });
  return api;
}
