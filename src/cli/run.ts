import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { runAgent } from "../agent/agent.ts";
import type { Half } from "../agent/home.ts";
import type { Command } from "./command.ts";

export const run: Command = {
  name: "run",
  usage: "",
  summary: "Connect to the platform and run its processes, until told to stop",
  about:
    `Runs both halves of the agent in one program: the gatehouse, which has the network and sees no data, and
the engine, which sees data and has no network. With --half, each runs as a program of its own, side by
side in the same home, which lets the operating system keep them apart.
SIGTERM or SIGINT stops it: the platform is told, and running work is ended in an orderly way.`,
  options: [
    { name: "half", value: "HALF", summary: "Run only this half: gatehouse or engine" },
    {
      name: "grace",
      value: "SECONDS",
      summary: "How long running work may take to end when stopping (default: 10)",
    },
  ],
  examples: ["sallyport run", "sallyport run --half gatehouse & sallyport run --half engine"],
  longRunning: true,
  async run(context) {
    const { clock, log, signal, entry, json } = context;
    const half = context.option("half");
    if (half !== undefined && half !== "gatehouse" && half !== "engine") {
      throw usage(`--half is "${half}", but it must be gatehouse or engine`);
    }
    const grace = Number(context.option("grace") ?? "10");
    if (!Number.isFinite(grace) || grace < 0) throw usage("--grace must be a number of seconds");
    await runAgent({
      half: half as Half | undefined,
      clock,
      log,
      entry,
      logFormat: json || !Deno.stderr.isTerminal() ? "json" : "text",
      logLevel: "info",
      graceMs: grace * 1000,
    }, signal);
    return EXIT.ok;
  },
};
