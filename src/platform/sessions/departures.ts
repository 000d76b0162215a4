import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Departure, DepartureStore } from "../store/departures.ts";
import type { OfflineReason } from "./presence.ts";

/** How long departures wait to be written together: a crowd that leaves at once costs one transaction. */
const FLUSH_MS = 1_000;

/**
 * Why and when agents left, so that after a restart of the platform somebody who stopped last week is not shown
 * as lost by the restart. What a crash takes of the last second only makes that answer less exact.
 */
export class Departures {
  readonly #store: DepartureStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known: Map<string, Departure>;
  #unwritten = new Map<string, Departure>();
  #cancel: (() => void) | undefined;

  private constructor(store: DepartureStore, known: Map<string, Departure>, clock: Clock, log: Log) {
    this.#store = store;
    this.#known = known;
    this.#clock = clock;
    this.#log = log;
  }

  /** The departures that the store remembers. */
  static async load(store: DepartureStore, { clock, log }: { clock: Clock; log: Log }): Promise<Departures> {
    return new Departures(store, await store.all(), clock, log);
  }

  /** The last departure before this platform started. */
  get(uid: string): Departure | undefined {
    return this.#known.get(uid);
  }

  /** An agent left. One that leaves because the platform ends did not leave by itself. */
  left(uid: string, departure: { reason: OfflineReason; at: number }): void {
    if (departure.reason === "platform restarted") return;
    this.#unwritten.set(uid, departure);
    this.#cancel ??= this.#clock.after(FLUSH_MS, () => {
      this.flush().catch((error) =>
        this.#log.error("why agents left could not be stored", { reason: messageOf(error) })
      );
    });
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const departures = this.#unwritten;
    this.#unwritten = new Map();
    if (departures.size > 0) await this.#store.keep(departures);
  }
}
