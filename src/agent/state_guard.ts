import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isDatabaseError } from "../base/sqlite.ts";
import type { Condition } from "../protocol/conditions.ts";

/** Does what needs the state database: one that cannot be used, because the disk is full, say, stops no agent. */
export class StateGuard {
  readonly #log: Log;
  /** Why each task failed on the database when it was tried last. */
  readonly #faults = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Does the work of a task, or says why it cannot be done; of a database that stays as it is, only once. */
  run(task: string, work: () => void): void {
    try {
      work();
      this.#faults.delete(task);
    } catch (error) {
      const reason = messageOf(error);
      if (!isDatabaseError(error)) return this.#log.error("something could not be done", { task, reason });
      if (this.#faults.get(task) === reason) return;
      this.#faults.set(task, reason);
      this.#log.error("the state database cannot be used", { task, reason });
    }
  }

  /** What is wrong with the database. */
  conditions(): Pick<Condition, "code" | "reason">[] {
    const [fault] = this.#faults;
    if (!fault) return [];
    const [task, reason] = fault;
    return [{ code: "state.unwritable", reason: `the state database cannot be used (${task}): ${reason}` }];
  }
}
