import { sleep } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { isDatabaseDamage, messageOf } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { createDeployments } from "../engine/deployments.ts";
import { loadIdentity, settleIdentity } from "../identity/identity.ts";
import { EngineHost } from "./engine_host.ts";
import { runGatehouse } from "./gatehouse.ts";
import type { AgentContext, Half } from "./home.ts";
import { lockGatehouse, prepareHome, STATE_FOLDER } from "./home.ts";
import { isDamageNoted, noteDamage, openSoundState } from "./salvage/open.ts";

/** How often a half looks whether the other has met damage in the state database. */
const DAMAGE_CHECK_MS = 5_000;

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
  using _lock = options.half === "engine" ? undefined : await lockGatehouse();
  const run = options.half === "engine" ? runEngineAlone : runGatehouseHalf;
  while (!signal.aborted) await untilDamaged(options, run, signal);
  options.log.info("stopped");
}

/** A half from the opening of the state database until it is to stop, or the database turns out to be damaged. */
type HalfRun = (
  options: AgentOptions & { db: Database },
  signal: AbortSignal,
  onDamage: (reason: string) => void,
) => Promise<void>;

async function untilDamaged(options: AgentOptions, run: HalfRun, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  const isGatehouse = options.half !== "engine";
  using db = await openSoundState({ isGatehouse, clock, log }, signal);
  const stop = new AbortController();
  let damage: string | undefined;
  const onDamage = (reason: string) => {
    if (damage === undefined) {
      log.error("the state database is damaged; all work ends until it is saved", { reason });
    }
    damage = reason;
    stop.abort();
  };
  const looking = lookForDamage(onDamage, clock, stop.signal);
  try {
    await run({ ...options, db }, AbortSignal.any([signal, stop.signal]), onDamage);
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error;
    onDamage(messageOf(error));
  } finally {
    stop.abort();
    await looking;
  }
  if (damage !== undefined) await noteDamage(damage);
}

/** The other half may be the first to meet it. */
async function lookForDamage(onDamage: (reason: string) => void, clock: Clock, signal: AbortSignal) {
  while (!signal.aborted) {
    await sleep(clock, DAMAGE_CHECK_MS, signal);
    if (!signal.aborted && await isDamageNoted()) onDamage("the other half of the agent says so");
  }
}

const runGatehouseHalf: HalfRun = async (options, signal, onDamage) => {
  const { db, clock, log } = options;
  await settleIdentity(STATE_FOLDER);
  const identity = await loadIdentity(STATE_FOLDER);
  const host = options.half === undefined
    ? new EngineHost({ ...options, deployments: createDeployments(db), onDamage })
    : undefined;
  // The gatehouse outlives the engine, so that the results of the last runs can still leave.
  const gatehouseStop = new AbortController();
  const engine = host?.run(signal) ?? aborted(signal);
  const stopping = engine.finally(() => gatehouseStop.abort());
  await runGatehouse(
    { db, identity, clock, log, onDamage, onProcessesOffered: () => host?.wake() },
    gatehouseStop.signal,
  );
  await stopping;
};

const runEngineAlone: HalfRun = async ({ db, clock, log, graceMs }, signal) => {
  const { startEngineHalf } = await import("./engine_main.ts");
  const running = await startEngineHalf({ db, clock, log });
  log.info("engine started");
  try {
    await Promise.race([aborted(signal), running.engine.finished]);
  } finally {
    await running.stop(graceMs);
  }
};

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
