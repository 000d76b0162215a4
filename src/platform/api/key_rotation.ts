import { createRoute, z } from "@hono/zod-openapi";
import { SallyportError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { describeRotation, findAgent, rotationSchema } from "./agent_view.ts";
import type { Api } from "./routes.ts";
import { agentId, createApi, FAILURES, json, NOT_FOUND } from "./routes.ts";

const rotateKey = createRoute({
  method: "post",
  path: "/agents/{id}/rotate-key",
  tags: ["agents"],
  summary: "Ask an agent to make a new key and renew its certificate now, or as soon as it connects",
  description: "While a request waits to be fulfilled, another one changes nothing.",
  request: { params: z.object({ id: agentId }) },
  responses: { 200: json(rotationSchema, "The request that counts"), ...FAILURES, ...NOT_FOUND },
});

/** The route by which an operator asks for a new key. */
export function keyRotationRoutes({ clock, events, fleet, log, store }: Context): Api {
  const api = createApi();
  api.openapi(rotateKey, async (c) => {
    const { uid, name, revokedAt } = await findAgent(c.req.valid("param").id, store);
    const who = c.get("who");
    if (revokedAt !== undefined) {
      throw new SallyportError(
        "request.invalid",
        `${name} was revoked, so it gets no certificate for a new key`,
        {
          remedy: "Enrol it again with a new bundle, which makes a new key too.",
        },
      );
    }
    const at = clock.now();
    if (await store.certificates.requestRotation(uid, who, at)) {
      await store.tokens.audit({ at, who, action: "agent.rotate-key", subject: uid });
      log.info("asked an agent for a new key", { agent: uid, name, who });
      events.emit("key-rotation", { id: uid, name, state: "requested" });
    }
    await fleet.session(uid)?.pushRotation();
    return c.json(describeRotation((await store.certificates.rotation(uid))!), 200);
  });
  return api;
}
