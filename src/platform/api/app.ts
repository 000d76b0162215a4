import type { Hono } from "hono";
import { SallyportError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { agentRoutes } from "./agents.ts";
import { auditRoutes } from "./audit.ts";
import { checkpointRoutes } from "./checkpoints.ts";
import { documentRoutes } from "./documents.ts";
import { enrolmentRoutes } from "./enrolments.ts";
import { answerError, errorBody } from "./errors.ts";
import { eventRoutes } from "./events.ts";
import { gapRoutes } from "./gaps.ts";
import { keyRotationRoutes } from "./key_rotation.ts";
import { processRoutes } from "./processes.ts";
import type { ApiEnv } from "./routes.ts";
import { createApi } from "./routes.ts";
import { recoveryRoutes } from "./recovery.ts";
import { runRoutes } from "./runs.ts";
import { requestRoutes } from "./requests.ts";
import { limitBody, requireRight, requireToken, securityHeaders } from "./security.ts";
import { healthRoutes, summaryRoutes } from "./summary.ts";
import { tokenRoutes } from "./tokens.ts";

const ROUTES = [
  summaryRoutes,
  enrolmentRoutes,
  agentRoutes,
  recoveryRoutes,
  keyRotationRoutes,
  checkpointRoutes,
  processRoutes,
  runRoutes,
  documentRoutes,
  requestRoutes,
  gapRoutes,
  eventRoutes,
  auditRoutes,
  tokenRoutes,
];

/** Everything that the platform serves over plain HTTPS; `console` is the page at `/`. */
export function createApp(context: Context, console: Hono): Hono<ApiEnv> {
  const app = createApi();
  app.onError((error, c) => answerError(c, error, context.log));
  app.notFound((c) => {
    const message = `nothing is served at ${c.req.method} ${c.req.path}`;
    return errorBody(c, 404, new SallyportError("request.not-found", message));
  });
  app.use(securityHeaders);
  app.all("/v1/*", (c) => {
    const message = "agents open a WebSocket here, with their client certificate";
    return errorBody(
      c,
      401,
      new SallyportError("request.unauthorised", message, { remedy: "Use an agent." }),
    );
  });

  app.route("/api/v1", healthRoutes());
  app.use("/api/v1/*", requireToken(context.store.tokens), requireRight, limitBody);
  for (const routes of ROUTES) app.route("/api/v1", routes(context));

  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  app.doc31("/api/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "Sallyport platform",
      version: "1",
      description: "Agents, their processes and their runs.",
    },
    security: [{ token: [] }],
  });
  app.route("/", console);
  return app;
}
