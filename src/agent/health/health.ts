import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Condition } from "../../protocol/conditions.ts";
import { CONDITIONS } from "../../protocol/conditions.ts";
import type { HeldCondition } from "./visibility.ts";
import { hold, isSame, visibleAt } from "./visibility.ts";

export interface HealthOptions {
  clock: Clock;
  log: Log;
  /** Finds everything that is wrong at this moment. */
  find(): Condition[];
  /** Called when there is something to look at without anything having happened: a condition has held long enough. */
  due(): void;
}

/** Follows what is wrong with the agent: since when, and what of it is to be shown. */
export class Health {
  readonly #options: HealthOptions;
  #held: HeldCondition[] = [];
  #shown: HeldCondition[] = [];
  #cancelTimer = () => {};

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** What was to be shown when it was looked last, errors first. */
  get shown(): readonly HeldCondition[] {
    return this.#shown;
  }

  /** Looks at everything anew, and logs what is new and what is over. */
  look(): void {
    const { clock, find, due } = this.#options;
    const at = clock.monotonic();
    this.#held = hold(this.#held, find(), { now: clock.now(), at });
    const { shown, changesInMs } = visibleAt(this.#held, at);
    this.#tell(shown);
    this.#shown = shown;
    this.#cancelTimer();
    if (changesInMs !== undefined) this.#cancelTimer = clock.after(changesInMs, due);
  }

  /** Looks at nothing more by itself. */
  stop(): void {
    this.#cancelTimer();
  }

  #tell(shown: readonly HeldCondition[]): void {
    const { log } = this.#options;
    for (const condition of shown) {
      if (this.#shown.some((before) => isSame(before, condition))) continue;
      const { code, component, reason, remedy = CONDITIONS[code].remedy } = condition;
      const level = CONDITIONS[code].severity === "error" ? "error" : "warn";
      log[level]("something is wrong", { code, component, reason, remedy });
    }
    for (const before of this.#shown) {
      if (this.#held.some((condition) => isSame(before, condition))) continue;
      log.info("no longer wrong", { code: before.code, component: before.component });
    }
  }
}
