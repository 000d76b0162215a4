import { createRoute, z } from "@hono/zod-openapi";
import { isoTime } from "../../base/clock.ts";
import type { Context } from "../context.ts";
import type { PlatformEvent } from "../events.ts";
import type { Api } from "./routes.ts";
import { createApi, FAILURES } from "./routes.ts";

/** A comment this often keeps proxies from taking the stream for dead. */
const KEEP_ALIVE_MS = 15_000;
/** Events that wait for a reader; one that lags further behind is cut off and should read everything anew. */
const MAX_UNREAD = 1_000;

const getEvents = createRoute({
  method: "get",
  path: "/events",
  tags: ["platform"],
  summary: "What happens, as it happens",
  description:
    "Server-sent events: `agent`, `health`, `clones`, `recovery`, `key-rotation`, `process`, `published`, " +
    "`run`, `request` and `gap`, each with an id and JSON as data. " +
    "With `Last-Event-ID` the stream begins with what happened after that event, as far as the platform still " +
    "has it; an event `missed` stands before when something is lacking: read everything anew then.",
  request: {
    headers: z.object({
      "last-event-id": z.string().max(50).optional().openapi({ description: "The last event that was read" }),
    }),
  },
  responses: {
    200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
    ...FAILURES,
  },
});

/** The route for those who watch. */
export function eventRoutes({ clock, events }: Context): Api {
  const api = createApi();
  api.openapi(getEvents, (c) => {
    const lastId = c.req.valid("header")["last-event-id"];
    let stop = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        let cancelKeepAlive = () => {};
        const send = (text: string) => {
          controller.enqueue(encode(text));
          if ((controller.desiredSize ?? 0) > -MAX_UNREAD) return;
          stop();
          controller.close();
        };
        const keepAlive = () => {
          cancelKeepAlive = clock.after(KEEP_ALIVE_MS, () => {
            send(": still here\n\n");
            keepAlive();
          });
        };
        const unwatch = events.watch((event) => send(asText(event)));
        stop = () => {
          unwatch();
          cancelKeepAlive();
        };
        keepAlive();
        send(": watching\n\n");
        if (lastId === undefined) return;
        const { complete, events: missed } = events.since(lastId);
        const lack = { at: isoTime(clock.now()), after: lastId };
        if (!complete) controller.enqueue(encode(`event: missed\ndata: ${JSON.stringify(lack)}\n\n`));
        for (const event of missed) controller.enqueue(encode(asText(event)));
      },
      cancel: () => stop(),
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } }) as never;
  });
  return api;
}

const encode = (text: string) => new TextEncoder().encode(text);

function asText({ id, type, at, data }: PlatformEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at, ...data })}\n\n`;
}
