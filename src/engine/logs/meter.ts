import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import type { LogStep } from "../../protocol/payloads/logs.ts";

/** One place that documents pass in a run. Times are in milliseconds since the run's start. */
export interface Stage {
  readonly name: string;
  from: number | undefined;
  to: number;
  busyMs: number;
  in: number;
  out: number;
  failed: number;
}

/**
 * Measures where a run spends its time and what becomes of its documents: one look at the clock whenever a batch
 * goes from one stage to the next, so that a document costs nothing.
 */
export class Meter {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #origin: number;
  readonly #stages: Stage[] = [];
  #current: Stage | undefined;
  #since = 0;
  /** The counts of each stage at the last {@linkcode mark}. */
  #marked: Pick<Stage, "in" | "out" | "failed">[] = [];

  /** @param startedAt the run's start, in milliseconds since 1970 UTC */
  constructor(clock: Clock, startedAt: number) {
    this.#clock = clock;
    this.#startedAt = startedAt;
    this.#origin = clock.monotonic();
  }

  /** Adds a stage; in the order in which documents pass them. */
  stage(name: string): Stage {
    const stage = { name, from: undefined, to: 0, busyMs: 0, in: 0, out: 0, failed: 0 };
    this.#stages.push(stage);
    return stage;
  }

  /** From now on time goes to this stage; `undefined`: to none. */
  enter(stage: Stage | undefined): void {
    const now = this.#clock.monotonic() - this.#origin;
    if (this.#current) {
      this.#current.busyMs += now - this.#since;
      this.#current.to = now;
    }
    if (stage) {
      stage.from ??= now;
      stage.to = now;
    }
    this.#current = stage;
    this.#since = now;
  }

  /** The stage that time goes to now. */
  get current(): Stage | undefined {
    return this.#current;
  }

  /** Remembers the counts, for an input that may fail as a whole. */
  mark(): void {
    this.#marked = this.#stages.map(({ in: read, out, failed }) => ({ in: read, out, failed }));
  }

  /** Goes back to the counts of the last {@linkcode mark}; the time was spent all the same. */
  takeBack(): void {
    this.#stages.forEach((stage, i) => Object.assign(stage, this.#marked[i]));
  }

  /** What there is to say of each stage up to now. */
  steps(): LogStep[] {
    return this.#stages.map(({ name, from, to, busyMs, in: read, out, failed }) => ({
      kind: "step",
      step: name,
      ...(from === undefined ? {} : { startedAt: isoTime(this.#startedAt + Math.floor(from)) }),
      spanMs: Math.round(to - (from ?? to)),
      busyMs: Math.round(busyMs),
      in: read,
      out,
      failed,
    }));
  }
}
