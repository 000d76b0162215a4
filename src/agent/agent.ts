import type { LogLevel } from "../base/log.ts";
import { createDeployments } from "../engine/deployments.ts";
import { createRequestStore } from "../engine/requests/store.ts";
import { loadIdentity, settleIdentity } from "../identity/identity.ts";
import { connectHosts, giveUp } from "./browsing.ts";
import { baked, BUILD } from "./build.ts";
import { EngineHost } from "./engine_host.ts";
import { runGatehouse } from "./gatehouse.ts";
import type { AgentContext, Half } from "./home.ts";
import { lockGatehouse, openState, prepareHome, RESERVE_PATH, STATE_FOLDER } from "./home.ts";
import { openReserve } from "./room/room.ts";

export interface AgentOptions extends AgentContext {
  /** Only this half; undefined for both. */
  half: Half | undefined;
  /** The program's own entry, for the engine's Worker. */
  entry: string;
  logFormat: "text" | "json";
  logLevel: LogLevel;
  graceMs: number;
}

/** Runs the agent, or a half of it, in the current folder until `signal` aborts. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  await prepareHome();
  await giveUpOtherHalf(options.half);
  if (options.half === "engine") return await runEngineAlone(options, signal);

  using _lock = await lockGatehouse();
  const reserve = openReserve(RESERVE_PATH, options.log);
  await settleIdentity(STATE_FOLDER);
  const identity = await loadIdentity(STATE_FOLDER);
  const db = openState();
  const requests = createRequestStore(db);
  const { clock, log } = options;
  const host = options.half === undefined
    ? new EngineHost({
      ...options,
      deployments: createDeployments(db),
      hasRequests: () => requests.needsEngine(),
    })
    : undefined;
  // The gatehouse outlives the engine, so that the results of the last runs can still leave.
  const gatehouseStop = new AbortController();
  const engine = host?.run(signal) ?? aborted(signal);
  const stopping = engine.finally(() => gatehouseStop.abort());
  await runGatehouse(
    { db, reserve, identity, clock, log, onWork: () => host?.wake() },
    gatehouseStop.signal,
  );
  await stopping;
  db.close();
  log.info("stopped");
}

/** Of two halves, each lets go of the addresses that are the other's; one process needs them all, for its Worker. */
async function giveUpOtherHalf(half: Half | undefined): Promise<void> {
  if (half === "gatehouse") await giveUp(await connectHosts());
  const platform = baked(BUILD.platform);
  if (half === "engine" && platform !== undefined) await giveUp([platform]);
}

async function runEngineAlone({ clock, log, graceMs }: AgentOptions, signal: AbortSignal): Promise<void> {
  const { startEngineHalf } = await import("./engine_main.ts");
  const running = await startEngineHalf({ clock, log });
  log.info("engine started");
  await aborted(signal);
  await running.stop(graceMs);
  log.info("stopped");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
