import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import { sha256Hex } from "../../base/digest.ts";
import { SallyportError } from "../../base/errors.ts";
import { randomToken, uuidv7 } from "../../base/ids.ts";
import { encodeBundle } from "../../trust/bundle.ts";
import type { Context } from "../context.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES, json, time } from "./routes.ts";

const createEnrolment = createRoute({
  method: "post",
  path: "/enrolments",
  tags: ["agents"],
  summary: "Make an enrolment bundle for one new agent",
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            name: z.string().min(1).max(100).optional().openapi({
              description: "What the agent will be called",
            }),
            expiresInMinutes: z.int().min(1).max(7 * 24 * 60).default(60),
            platform: z.string().max(300).optional().openapi({
              description: "HOST:PORT under which this agent reaches the platform, if not the default",
            }),
          }).openapi("EnrolmentWish"),
        },
      },
    },
  },
  responses: {
    201: json(
      z.object({
        id: z.uuid(),
        bundle: z.string().openapi({ description: "One line for: sallyport enroll BUNDLE. Shown only now." }),
        expires: time,
      }).openapi("Enrolment"),
      "The bundle, which works once",
    ),
    ...FAILURES,
  },
});

/** Routes about enrolment. */
export function enrolmentRoutes({ clock, identity, names, store, tlsCa }: Context): Api {
  const api = createApi();
  api.openapi(createEnrolment, async (c) => {
    const { name, expiresInMinutes, platform = names.authorities[0]! } = c.req.valid("json");
    if (!names.authorities.includes(platform.toLowerCase())) {
      throw new SallyportError(
        "request.invalid",
        `"platform" is ${platform}, which is no name of this platform`,
        {
          remedy: `Use one of ${names.authorities.join(", ")}, or start the platform with --hostname.`,
        },
      );
    }
    const now = clock.now();
    const expiresAt = now + expiresInMinutes * 60_000;
    const [id, secret] = [uuidv7(clock), randomToken()];
    const bundle = encodeBundle({
      platform: platform.toLowerCase(),
      ca: tlsCa,
      proofKey: identity.proofKeySpki,
      secret,
      expires: isoTime(expiresAt),
    });
    await store.enrolments.create({ id, secretHash: sha256Hex(secret), name, expiresAt }, now);
    await store.tokens.audit({ at: now, who: c.get("who"), action: "enrolment.create", subject: name ?? id });
    return c.json({ id, bundle, expires: isoTime(expiresAt) }, 201);
  });
  return api;
}
