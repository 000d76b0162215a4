import type { Clock } from "../base/clock.ts";
import { asSallyportError, isDatabaseDamage, SallyportError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { TriggerKind } from "../protocol/payloads/tracking.ts";
import type { Process } from "./definition/definition.ts";
import type { RunLogs } from "./logs/store.ts";
import { connectorContext, runProcess } from "./runner.ts";
import { recoverRuns } from "./recovery.ts";
import type { RunPause } from "./run_pause.ts";
import type { Runs } from "./runs.ts";
import { Settling } from "./settling.ts";
import { runTrigger } from "./triggers.ts";

export interface SchedulerOptions {
  runs: Runs;
  logs: RunLogs;
  pause: Pick<RunPause, "reason">;
  dataFolder: string;
  clock: Clock;
  log: Log;
  /** Brings runs to their end that another, who is gone, left open: they keep a process from running. */
  clearBlockers(): Promise<void>;
  /** Told when a run could not begin or end because the state database is damaged: no later try will be better. */
  onDamage(error: unknown): void;
}

interface Scheduled {
  process: Process;
  settling: Settling;
  /** The run that was asked for and has not begun. */
  due: TriggerKind | undefined;
  running: boolean;
  stop: AbortController;
  triggered: Promise<void>;
  /** What takes its place when it does not run: another definition, or nothing. */
  swap: { next: Process | undefined; done: () => void } | undefined;
  /** Cancels the run that is asked for at a later time. */
  cancelLater: () => void;
  /** Why the last attempt could not begin: said once, not every five seconds. */
  complaint: string;
}

/** How long a run that could not begin or end waits before it is tried again. */
const RETRY_MS = 10_000;

/**
 * Runs processes when their triggers ask for it: one run at a time, in the order of asking, and never two of one
 * process. A definition is replaced only between runs.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #stop = new AbortController();
  readonly #processes = new Map<string, Scheduled>();
  readonly #queue: Scheduled[] = [];
  #working: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** The names of the processes that are active. */
  get names(): string[] {
    return [...this.#processes.keys()];
  }

  /** The definition that runs under a name. */
  active(name: string): Process | undefined {
    return this.#processes.get(name)?.process;
  }

  /**
   * Puts a process in place of the one with its name, or with `undefined` removes it; resolves when that is done,
   * which is after the current run of it.
   */
  replace(name: string, next: Process | undefined): Promise<void> {
    const current = this.#processes.get(name);
    if (!current) {
      if (next) this.#add(next);
      return Promise.resolve();
    }
    current.swap?.done(); // overtaken before it could happen
    return new Promise((done) => {
      current.swap = { next, done };
      if (!current.running) this.#swap(current);
    });
  }

  /** Asks for a run of a process now; false when there is no such process. */
  request(name: string, trigger: TriggerKind): boolean {
    const scheduled = this.#processes.get(name);
    if (!scheduled) return false;
    this.#request(scheduled, trigger);
    return true;
  }

  /** Takes no new documents, abandons the run that is under way, and resolves when nothing works any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { stop } of this.#processes.values()) stop.abort();
    await this.#working;
    await Promise.all([...this.#processes.values()].map(({ triggered }) => triggered));
  }

  #add(process: Process): void {
    const { clock, dataFolder } = this.#options;
    const stop = new AbortController();
    const settleMs = process.trigger.kind === "watch" ? process.trigger.settleMs : 0;
    const scheduled: Scheduled = {
      process,
      settling: new Settling(settleMs),
      due: undefined,
      running: false,
      stop,
      triggered: Promise.resolve(),
      swap: undefined,
      cancelLater: () => {},
      complaint: "",
    };
    this.#processes.set(process.name, scheduled);
    scheduled.triggered = runTrigger(process.trigger, {
      clock,
      signal: stop.signal,
      folder: `${dataFolder}/${process.source.watched}`,
      fire: (kind) => this.#request(scheduled, kind),
    });
  }

  #swap(scheduled: Scheduled): void {
    const { swap, process } = scheduled;
    if (!swap) return;
    scheduled.swap = undefined;
    scheduled.stop.abort();
    this.#processes.delete(process.name);
    if (swap.next && !this.#stop.signal.aborted) this.#add(swap.next);
    swap.done();
  }

  #request(scheduled: Scheduled, trigger: TriggerKind): void {
    if (scheduled.stop.signal.aborted || scheduled.due) return; // one waiting run is enough for all who ask
    scheduled.due = trigger;
    this.#queue.push(scheduled);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    // A turn of the event loop first: triggers that fire together are all in the queue then.
    await Promise.resolve();
    for (let scheduled = this.#queue.shift(); scheduled; scheduled = this.#queue.shift()) {
      const trigger = scheduled.due;
      scheduled.due = undefined;
      if (trigger === undefined || scheduled.stop.signal.aborted) continue;
      scheduled.running = true;
      try {
        await this.#run(scheduled, trigger);
        scheduled.complaint = "";
      } catch (thrown) {
        if (isDatabaseDamage(thrown)) this.#options.onDamage(thrown);
        else await this.#options.clearBlockers();
        this.#complain(scheduled, trigger, thrown);
      }
      scheduled.running = false;
      this.#swap(scheduled);
    }
    this.#working = undefined;
  }

  async #run(scheduled: Scheduled, trigger: TriggerKind): Promise<void> {
    const { pause, clock } = this.#options;
    const { process, settling } = scheduled;
    // One run at a time: what stands open here failed to end, and must be out of the way before another begins.
    await recoverRuns(this.#options);
    const paused = pause.reason();
    if (paused) throw new SallyportError("disk.full", `runs wait: ${paused}`, { retryable: true });
    const waiting = await process.source.inputs(connectorContext(process, this.#options));
    const { ready, againInMs } = settling.ready(waiting, clock.monotonic());
    if (trigger === "watch" && againInMs !== undefined) this.#later(scheduled, trigger, againInMs);
    const inputs = trigger === "watch" ? ready : waiting;
    // Looking into an empty folder every few seconds is not a run; a run that somebody asked for is.
    if (inputs.length === 0 && (trigger === "watch" || trigger === "every")) return;
    settling.took(inputs, clock.monotonic());
    try {
      await runProcess(process, trigger, inputs, { ...this.#options, signal: this.#stop.signal });
    } catch (error) {
      settling.gaveBack(); // no run came to be, so nothing was tried
      throw error;
    }
    if (trigger === "watch") this.#request(scheduled, trigger); // what arrived meanwhile
  }

  #complain(scheduled: Scheduled, trigger: TriggerKind, thrown: unknown): void {
    const { code, message } = asSallyportError(thrown);
    const complaint = `${code} ${message}`;
    if (complaint !== scheduled.complaint) {
      this.#options.log.error(message, { process: scheduled.process.name, code });
    }
    scheduled.complaint = complaint;
    this.#later(scheduled, trigger, RETRY_MS);
  }

  #later(scheduled: Scheduled, trigger: TriggerKind, delayMs: number): void {
    const { signal } = scheduled.stop;
    scheduled.cancelLater();
    const cancel = this.#options.clock.after(delayMs, () => {
      scheduled.cancelLater();
      this.#request(scheduled, trigger);
    });
    signal.addEventListener("abort", cancel, { once: true });
    scheduled.cancelLater = () => {
      cancel();
      signal.removeEventListener("abort", cancel);
    };
  }
}
