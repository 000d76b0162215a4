import { Hono } from "hono";

/** The page at `/`: files of ours, and the chart library from its package, all from this origin. */
const FILES: Record<string, { source: string; type: string }> = {
  "/": { source: "./assets/index.html", type: "text/html; charset=utf-8" },
};

/** Serves the console. */
export function consoleRoutes(): Hono {
  const app = new Hono();
  for (const [path, { source, type }] of Object.entries(FILES)) {
    app.get(path, async (c) => {
      const body = await Deno.readFile(new URL(source, import.meta.url));
      return c.body(body, 200, { "Content-Type": type, "Cache-Control": "no-cache" });
    });
  }
  return app;
}
