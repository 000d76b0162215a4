import type { LogLevel } from "../base/log.ts";
import { createDeployments } from "../engine/deployments.ts";
import { createRequestStore } from "../engine/requests/store.ts";
import { loadIdentity, settleIdentity } from "../identity/identity.ts";
import { connectHosts, giveUp } from "./browsing.ts";
import { baked, BUILD } from "./build.ts";
import { EngineHost } from "./engine_host.ts";
import { runGatehouse } from "./gatehouse.ts";
import type { AgentContext, Half } from "./home.ts";
import { lockGatehouse, prepareHome, RESERVE_PATH, STATE_FOLDER } from "./home.ts";
import { openReserve } from "./room/room.ts";
import type { HalfWork } from "./salvage/work.ts";
import { workOnState } from "./salvage/work.ts";

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
  if (options.half === "engine") {
    await workOnState("engine", options, engineAlone(options), signal);
  } else {
    using _lock = await lockGatehouse(options.clock);
    await workOnState("gatehouse", options, gatehouseWith(options), signal);
  }
  options.log.info("stopped");
}

function gatehouseWith(options: AgentOptions): HalfWork {
  const { clock, log } = options;
  const reserve = openReserve(RESERVE_PATH, log);
  return async (db, signal, onDamage) => {
    await settleIdentity(STATE_FOLDER);
    const identity = await loadIdentity(STATE_FOLDER);
    const requests = createRequestStore(db);
    const host = options.half === undefined
      ? new EngineHost({
        ...options,
        deployments: createDeployments(db),
        hasRequests: () => requests.needsEngine(),
        onDamage,
      })
      : undefined;
    // The gatehouse outlives the engine, so that the results of the last runs can still leave.
    const gatehouseStop = new AbortController();
    const engine = host?.run(signal) ?? aborted(signal);
    const stopping = engine.finally(() => gatehouseStop.abort());
    await runGatehouse(
      { db, reserve, identity, clock, log, onDamage, onWork: () => host?.wake() },
      gatehouseStop.signal,
    );
    await stopping;
  };
}

/** Of two halves, each lets go of the addresses that are the other's; one process needs them all, for its Worker. */
async function giveUpOtherHalf(half: Half | undefined): Promise<void> {
  if (half === "gatehouse") await giveUp(await connectHosts());
  const platform = baked(BUILD.platform);
  if (half === "engine" && platform !== undefined) await giveUp([platform]);
}

function engineAlone({ clock, log, graceMs }: AgentOptions): HalfWork {
  return async (db, signal) => {
    const { startEngineHalf } = await import("./engine_main.ts");
    const running = await startEngineHalf({ db, clock, log, isLocked: true });
    log.info("engine started");
    try {
      await Promise.race([aborted(signal), running.engine.finished]);
    } finally {
      await running.stop(graceMs);
    }
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
