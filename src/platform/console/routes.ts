import { Hono } from "hono";
import { etag } from "hono/etag";
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotJs from "uplot/dist/uPlot.esm.js" with { type: "text" };
import agent from "./assets/agent.js" with { type: "text" };
import answerErrors from "./assets/answer_errors.js" with { type: "text" };
import answerLogs from "./assets/answer_logs.js" with { type: "text" };
import answerSchema from "./assets/answer_schema.js" with { type: "text" };
import agents from "./assets/agents.js" with { type: "text" };
import api from "./assets/api.js" with { type: "text" };
import app from "./assets/app.js" with { type: "text" };
import chart from "./assets/chart.js" with { type: "text" };
import dom from "./assets/dom.js" with { type: "text" };
import format from "./assets/format.js" with { type: "text" };
import gaps from "./assets/gaps.js" with { type: "text" };
import icon from "./assets/icon.svg" with { type: "text" };
import login from "./assets/login.js" with { type: "text" };
import overview from "./assets/overview.js" with { type: "text" };
import narrow from "./assets/narrow.css" with { type: "text" };
import page from "./assets/index.html" with { type: "text" };
import processes from "./assets/processes.js" with { type: "text" };
import requests from "./assets/requests.js" with { type: "text" };
import runs from "./assets/runs.js" with { type: "text" };
import style from "./assets/style.css" with { type: "text" };
import waterfall from "./assets/waterfall.js" with { type: "text" };

const SCRIPTS: Record<string, string> = {
  "agent.js": agent,
  "agents.js": agents,
  "answer_errors.js": answerErrors,
  "answer_logs.js": answerLogs,
  "answer_schema.js": answerSchema,
  "api.js": api,
  "app.js": app,
  "chart.js": chart,
  "dom.js": dom,
  "format.js": format,
  "gaps.js": gaps,
  "login.js": login,
  "overview.js": overview,
  "processes.js": processes,
  "requests.js": requests,
  "runs.js": runs,
  "uplot.js": uplotJs,
  "waterfall.js": waterfall,
};

const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Serves the page at `/`. Its files are part of the program, so nothing else on the disk can be asked for. */
export function consoleRoutes(): Hono {
  const routes = new Hono();
  routes.use(etag());
  const serve = (path: string, body: string, kind: string) =>
    routes.get(path, (c) => c.body(body, 200, { "Content-Type": TYPES[kind]!, "Cache-Control": "no-cache" }));
  serve("/", page, "html");
  serve("/assets/style.css", style, "css");
  serve("/assets/narrow.css", narrow, "css");
  serve("/assets/uplot.css", uplotCss, "css");
  serve("/assets/icon.svg", icon, "svg");
  for (const [name, body] of Object.entries(SCRIPTS)) serve(`/assets/${name}`, body, "js");
  return routes;
}
