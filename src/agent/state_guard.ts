import { isDatabaseDamage, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import type { Condition } from "../protocol/conditions.ts";

/** Does some work, again if what kept it from being done could be put right. Throws what it throws in the end. */
export type Attempt = <T>(work: () => T) => T;

/** Does what needs the state database: one that cannot be used, because the disk is full, say, stops no agent. */
export class StateGuard {
  readonly #log: Log;
  readonly #onDamage: (reason: string) => void;
  /** Does what may be done again as a whole; what it throws, somebody else has to see to. */
  readonly attempt: Attempt;
  /** Why each task failed on the database when it was tried last. */
  readonly #faults = new Map<string, string>();

  /** @param onDamage told when the database turns out to be damaged: waiting will not make it better */
  constructor(
    log: Log,
    attempt: Attempt = (work) => work(),
    onDamage: (reason: string) => void = () => {},
  ) {
    this.#log = log;
    this.#onDamage = onDamage;
    this.attempt = attempt;
  }

  /**
   * Does the work of a task, or says why it cannot be done; of a database that stays as it is, only once. Returns
   * whether it was done.
   */
  run(task: string, work: () => void): boolean {
    try {
      work();
      this.#faults.delete(task);
      return true;
    } catch (error) {
      const reason = messageOf(error);
      if (!isDatabaseError(error)) {
        this.#log.error("something could not be done", { task, reason });
      } else if (this.#faults.get(task) !== reason) {
        this.#faults.set(task, reason);
        this.#log.error("the state database cannot be used", { task, reason });
        if (isDatabaseDamage(error)) this.#onDamage(reason);
      }
      return false;
    }
  }

  /** As {@linkcode run}, for work that may be done again as a whole. */
  insist(task: string, work: () => void): boolean {
    return this.run(task, () => this.attempt(work));
  }

  /** What is wrong with the database. */
  conditions(): Pick<Condition, "code" | "reason">[] {
    const [fault] = this.#faults;
    if (!fault) return [];
    const [task, reason] = fault;
    return [{ code: "state.unwritable", reason: `the state database cannot be used (${task}): ${reason}` }];
  }
}
