/**
 * Start of the enrolled agent to its first heartbeat answered, and memory when idle and connected, on loopback; the
 * executable and, on this very runtime, the source. Beside them an empty executable of the same runtime.
 *
 *   deno run -A scripts/bench/start.ts [--json]
 */
import { join } from "@std/path";
import type { AgentProgram } from "../lib/agent_process.ts";
import { agentFromSource } from "../lib/agent_process.ts";
import { compileAgent, whyNoExecutable } from "../../tests/support/executable.ts";
import { COPY_PROCESS, eventually, Fleet, freePort } from "../../tests/support/fleet.ts";
import type { Figure } from "./lib.ts";
import { median, memoryOf, pause, print } from "./lib.ts";

const STARTS = 21;
/** Long enough for what a start leaves behind to be collected. */
const IDLE_MS = 10_000;

const folder = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const figures: Figure[] = [];
try {
  const missing = await whyNoExecutable();
  if (missing) console.error(`The executable is left out: ${missing}`);
  else {
    const port = await freePort();
    const empty = await emptyExecutable();
    const program = await compileAgent(`127.0.0.1:${port}`, join(folder, "sallyport"));
    await measure("executable", program, port, empty);
  }
  const port = await freePort();
  await measure(
    `source on ${Deno.version.deno}`,
    await agentFromSource(`127.0.0.1:${port}`),
    port,
    undefined,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
print(`Start and memory; median of ${STARTS} starts; memory after ${IDLE_MS / 1000} s idle`, figures);
Deno.exit(0);

interface Empty {
  exitMs: number;
  rss: number;
  anonymous: number;
}

async function measure(
  title: string,
  program: AgentProgram,
  port: number,
  empty: Empty | undefined,
): Promise<void> {
  await using fleet = await Fleet.start(() => Promise.resolve(program), port);
  await fleet.enrol();
  const goals: { start?: string; rss?: string; anonymous?: string } = empty
    ? { start: "< 250", rss: "< 68", anonymous: "< 24" }
    : {};
  const beside = (value: number, limit: number | undefined, unit: string) =>
    limit === undefined
      ? {}
      : { beside: `${(value / limit).toFixed(1)} x an empty executable (${limit} ${unit})` };

  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const from = performance.now();
    const agent = fleet.startAgent();
    await agent.connected();
    starts.push(performance.now() - from);
    await agent.stop();
  }
  const start = Math.round(median(starts));
  figures.push({
    what: `${title}: start to first heartbeat answered`,
    value: start,
    unit: "ms",
    ...(goals.start ? { goal: goals.start } : {}),
    ...beside(start, empty?.exitMs, "ms to exit"),
  });

  const idle = async (what: string, words: string[]) => {
    const agent = fleet.startAgent(words);
    await agent.connected();
    await pause(IDLE_MS);
    const { rss, anonymous } = await memoryOf(agent.child.pid);
    await agent.stop();
    const add = (kind: "rss" | "anonymous", name: string, value: number) =>
      figures.push({
        what: `${title}: ${name}, ${what}`,
        value,
        unit: "MiB",
        ...(goals[kind] ? { goal: goals[kind] } : {}),
        ...beside(value, empty?.[kind], "MiB"),
      });
    add("rss", "resident", rss);
    add("anonymous", "anonymous", anonymous);
  };
  await idle("no process", ["run"]);
  await Deno.mkdir(`${fleet.home}/data/in`, { recursive: true });
  await fleet.api.publish("copy", COPY_PROCESS);
  const agent = fleet.startAgent();
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  await agent.stop();
  await idle("one process, so with its engine", ["run"]);
  await idle("one process, the gatehouse alone", ["run", "--half", "gatehouse"]);
}

/** A program that does nothing, compiled by the same runtime: the floor under every figure here. */
async function emptyExecutable(): Promise<Empty> {
  await Deno.writeTextFile(
    join(folder, "empty.js"),
    "if (Deno.args.length > 0) setTimeout(() => {}, 60_000);\n",
  );
  const { success } = await new Deno.Command(Deno.env.get("DENO_COMPILE_BIN") ?? Deno.execPath(), {
    args: ["compile", "--quiet", "--no-config", "--no-code-cache", "--output", "empty", "empty.js"],
    cwd: folder,
  }).spawn().status;
  if (!success) throw new Error("the empty executable cannot be compiled");
  const exits: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const from = performance.now();
    await new Deno.Command(join(folder, "empty")).output();
    exits.push(performance.now() - from);
  }
  const child = new Deno.Command(join(folder, "empty"), { args: ["stay"] }).spawn();
  await pause(IDLE_MS);
  const memory = await memoryOf(child.pid);
  child.kill("SIGKILL");
  await child.status;
  return { exitMs: Math.round(median(exits)), ...memory };
}
