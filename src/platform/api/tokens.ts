import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import { sha256Hex } from "../../base/digest.ts";
import { SallyportError } from "../../base/errors.ts";
import { randomToken } from "../../base/ids.ts";
import type { Context } from "../context.ts";
import { RIGHTS } from "../store/tokens.ts";
import { notFound } from "./errors.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES, json, NOT_FOUND, time } from "./routes.ts";

const ownerName = z.string().regex(/^[^\p{Cc}/]{1,100}$/u, {
  error: "a name has 1 to 100 characters, and neither a slash nor a control character",
});
const rights = z.array(z.enum(RIGHTS)).max(RIGHTS.length);
const tokenSchema = z.object({
  name: z.string().openapi({ description: "As agents and the audit hear of its owner" }),
  rights: rights.openapi({ description: "Beside looking, which every token may" }),
  createdAt: time,
}).openapi("Token");

const listTokens = createRoute({
  method: "get",
  path: "/tokens",
  tags: ["platform"],
  summary: "Who may use this API, and for what",
  responses: { 200: json(z.object({ tokens: z.array(tokenSchema) }), "By name"), ...FAILURES },
});

const createToken = createRoute({
  method: "post",
  path: "/tokens",
  tags: ["platform"],
  summary: "Make a token for a person or a program",
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.strictObject({ name: ownerName, rights }) } },
    },
  },
  responses: {
    200: json(tokenSchema.extend({ token: z.string() }), "The token, which is stored nowhere"),
    ...FAILURES,
  },
});

const deleteToken = createRoute({
  method: "delete",
  path: "/tokens/{name}",
  tags: ["platform"],
  summary: "Take a token back: it is void from now on",
  request: { params: z.object({ name: ownerName }) },
  responses: { 200: json(z.object({ name: z.string() }), "It is gone"), ...FAILURES, ...NOT_FOUND },
});

/** Routes about who may use the API. */
export function tokenRoutes({ clock, store: { tokens } }: Pick<Context, "clock" | "store">): Api {
  const api = createApi();
  api.openapi(listTokens, async (c) => {
    const list = await tokens.list();
    return c.json({
      tokens: list.map((token) => ({ ...describe(token), createdAt: isoTime(token.createdAt) })),
    }, 200);
  });
  api.openapi(createToken, async (c) => {
    const owner = c.req.valid("json");
    const token = randomToken();
    const now = clock.now();
    if (!await tokens.create({ ...owner, hash: sha256Hex(token) }, now)) {
      throw new SallyportError("request.invalid", `there is a token by the name "${owner.name}" already`, {
        remedy: "Take another name, or take that token back first.",
      });
    }
    const subject = `${owner.name}: ${owner.rights.join(", ")}`;
    await tokens.audit({ at: now, who: c.get("who"), action: "token.create", subject });
    return c.json({ ...owner, createdAt: isoTime(now), token }, 200);
  });
  api.openapi(deleteToken, async (c) => {
    const { name } = c.req.valid("param");
    if (name === c.get("who")) {
      throw new SallyportError("request.invalid", "a token cannot take back itself", {
        remedy: "Use another token that may administer, so that one is left.",
      });
    }
    if (!await tokens.remove(name)) throw notFound(`token "${name}"`);
    await tokens.audit({ at: clock.now(), who: c.get("who"), action: "token.remove", subject: name });
    return c.json({ name }, 200);
  });
  return api;
}

function describe({ name, rights }: { name: string; rights: readonly (typeof RIGHTS)[number][] }) {
  return { name, rights: [...rights] };
}
