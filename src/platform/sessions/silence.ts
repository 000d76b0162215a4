import type { Clock } from "../../base/clock.ts";

/** After this many intervals without a message a heartbeat counts as overdue. */
const OVERDUE_INTERVALS = 1.25;
/** After this many the agent counts as gone. */
const GONE_INTERVALS = 2.5;

/** Who is told that an agent is silent. */
export interface SilenceListener {
  overdue(): void;
  /** `silentMs`: for how long nothing came. */
  gone(silentMs: number): void;
}

/** Watches for the silence of one agent: first its heartbeat is overdue, then it is gone. */
export class Silence {
  readonly #clock: Clock;
  readonly #listener: SilenceListener;
  #cancel: () => void = () => {};

  constructor(clock: Clock, listener: SilenceListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** A message came: the wait begins anew. Undefined for an agent that sends no heartbeats. */
  heard(intervalSeconds: number | undefined): void {
    this.stop();
    if (intervalSeconds === undefined) return;
    const ms = (intervals: number) => intervalSeconds * intervals * 1_000;
    this.#cancel = this.#clock.after(ms(OVERDUE_INTERVALS), () => {
      this.#cancel = this.#clock.after(
        ms(GONE_INTERVALS - OVERDUE_INTERVALS),
        () => this.#listener.gone(ms(GONE_INTERVALS)),
      );
      this.#listener.overdue();
    });
  }

  /** Ends the watch. */
  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }
}
