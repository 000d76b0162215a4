import { Backoff } from "../base/backoff.ts";
import { sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { fingerprintOf } from "../base/files.ts";
import type { LogLevel } from "../base/log.ts";
import type { Deployments } from "../engine/deployments.ts";
import { logsFolder } from "../engine/logs/files.ts";
import type { HostMessage, WorkerMessage } from "./engine_worker.ts";
import type { Needs } from "../connectors/browse/browser.ts";
import { connectionNeeds } from "./browsing.ts";
import type { AgentContext } from "./home.ts";
import { SEALING_KEY_PATH } from "./sealing_keys.ts";
import { CONNECTIONS_FILE, DATA_FOLDER, DATABASE_PATH, SECRETS_FOLDER, STATE_FOLDER } from "./home.ts";

export interface EngineHostOptions extends AgentContext {
  deployments: Deployments;
  /** Whether a request waits to be answered. */
  hasRequests(): boolean;
  /** The module that the Worker runs: the program's own entry. */
  entry: string;
  logFormat: "text" | "json";
  logLevel: LogLevel;
  /** How long running work may take to come to an end when the agent stops, in milliseconds. */
  graceMs: number;
  /** Told when an engine broke down because the state database is damaged. */
  onDamage(reason: string): void;
}

/** What the engine needs of `state/`: the database, its locks and the logs of runs, and nothing of the identity. */
const ENGINE_STATE = [
  logsFolder(DATABASE_PATH),
  ...["", "-wal", "-shm"].map((suffix) => DATABASE_PATH + suffix),
  ...["engine.lock", "local.lock"].map((name) => `${STATE_FOLDER}/${name}`),
];

/** How much longer than its grace time an engine may take to answer, before it counts as stuck. */
const UNRESPONSIVE_MS = 2_000;

const RESTART = { baseMs: 1_000, capMs: 60_000 };
/** How soon a changed `connections.yaml` counts. */
const CONNECTIONS_CHECK_MS = 3_000;

/**
 * Keeps the engine running as a Worker that has no network but the hosts of connections, cannot read the agent's keys
 * or policy, and has of `data/` only what the processes and connections name. A Worker's permissions are fixed when it
 * starts, so new folders and new connections mean a new Worker. Nothing is started before there is a process: an idle agent stays small.
 */
export class EngineHost {
  readonly #options: EngineHostOptions;
  #wake = Promise.withResolvers<void>();
  /** Of `connections.yaml` as it was read last. */
  #seen: string | undefined;
  #needs: Needs = { hosts: [], paths: [] };

  constructor(options: EngineHostOptions) {
    this.#options = options;
  }

  /** Says that there may be work for an engine now. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Runs engines, one after the other, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const backoff = new Backoff(RESTART);
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!signal.aborted) {
      if (!this.#hasWork()) {
        await Promise.race([this.#wake.promise, aborted]);
        this.#wake = Promise.withResolvers();
        continue;
      }
      const folders = this.#options.deployments.folders();
      const needs = await this.#connections();
      const fault = await this.#runWorker(folders, needs, signal);
      if (signal.aborted) return;
      const before = JSON.stringify([folders, needs]);
      const after = JSON.stringify([this.#options.deployments.folders(), await this.#connections()]);
      if (fault === undefined && before !== after) {
        backoff.reset(); // it ended because it needs more, and now it will have that
        continue;
      }
      const waitMs = backoff.next(RESTART.baseMs);
      const reason = fault ?? "it asked for folders that no process names";
      log.error("the engine broke down; it is started again", { reason, inMs: Math.round(waitMs) });
      await sleep(clock, waitMs, signal);
    }
  }

  /** What connections need; an unreadable file takes them away and nothing else. It is read when it has changed. */
  async #connections(): Promise<Needs> {
    const now = fingerprintOf(CONNECTIONS_FILE);
    if (now === this.#seen) return this.#needs;
    this.#seen = now;
    try {
      this.#needs = await connectionNeeds();
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.error(`${CONNECTIONS_FILE} cannot be used: nothing can be browsed`, { reason });
      this.#needs = { hosts: [], paths: [] };
    }
    return this.#needs;
  }

  /** Resolves with true when connections have come to need something else, and with false when `signal` aborts. */
  async #untilOtherNeeds(needs: Needs, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      await sleep(this.#options.clock, CONNECTIONS_CHECK_MS, signal);
      if (signal.aborted) return false;
      if (JSON.stringify(await this.#connections()) !== JSON.stringify(needs)) return true;
    }
  }

  #hasWork(): boolean {
    const { deployments, hasRequests } = this.#options;
    return deployments.status().state === "applying" || deployments.processes().length > 0 || hasRequests();
  }

  /** One Worker from its start to its end: undefined when it ended as it was asked to, else its fault. */
  async #runWorker(
    permittedFolders: string[],
    needs: Needs,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { clock, entry, logFormat, logLevel, graceMs } = this.#options;
    const worker = new Worker(entry, engineWorkerOptions(permittedFolders, needs));
    const tell = (message: HostMessage) => worker.postMessage(message);
    const { promise: ended, resolve: end } = Promise.withResolvers<string | undefined>();
    let cancelDeadline = () => {};
    const stop = () => {
      tell({ do: "stop", graceMs });
      cancelDeadline();
      cancelDeadline = clock.after(
        graceMs + UNRESPONSIVE_MS,
        () => end("it did not stop when it was asked to"),
      );
    };
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.is === "listening") {
        tell({ do: "start", permittedFolders, logFormat, logLevel });
        if (signal.aborted) stop();
      }
      if (data.is === "in-need-of-folders") stop();
      if (data.is === "stopped") end(undefined);
      if (data.is === "broken") {
        if (data.isDamage) this.#options.onDamage(data.reason);
        end(data.reason);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end(event.message);
    };
    signal.addEventListener("abort", stop, { once: true });
    const over = new AbortController();
    const watching = this.#untilOtherNeeds(needs, over.signal).then((others) => others && stop());
    const fault = await ended;
    signal.removeEventListener("abort", stop);
    over.abort();
    await watching;
    cancelDeadline();
    worker.terminate();
    return fault;
  }
}

/**
 * What confines an engine that runs as a Worker: of the network only the hosts of connections, of `state/` only the
 * database, of `data/` only these folders, and to read what connections lead to and log in with.
 */
export function engineWorkerOptions(
  folders: readonly string[],
  { hosts, paths: browsed }: Needs = { hosts: [], paths: [] },
): WorkerOptions {
  const inData = (path: string) => `${DATA_FOLDER}/${path}`;
  const paths = [...ENGINE_STATE, ...folders.map(inData)];
  const permissions = {
    net: hosts.length === 0 ? false : hosts,
    // The agent's own rule is to ignore it, which is not the same as to deny: libraries ask, and get nothing.
    env: "inherit",
    run: false,
    ffi: false,
    sys: false,
    read: [...paths, CONNECTIONS_FILE, SECRETS_FOLDER, SEALING_KEY_PATH, ...browsed.map(inData)],
    write: paths,
  };
  // The DOM's types do not know the runtime's own option.
  return { type: "module", name: "engine", deno: { permissions } } as WorkerOptions;
}
