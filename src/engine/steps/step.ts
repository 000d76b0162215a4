import type { z } from "zod";
import type { Log } from "../../base/log.ts";
import type { Batch, Fail } from "../batch.ts";

/** A kind of step: one file, and one line in `mod.ts`. */
export interface StepKind<Config = unknown> {
  /** The key of the step in a process. */
  name: string;
  schema: z.ZodType<Config>;
  /** Compiles the step once for a definition. `field` is its place, such as `steps[0].map`. */
  plan(config: Config, field: string): StepPlan;
}

/** A compiled step. */
export interface StepPlan {
  field: string;
  /** Begins the step for one run. */
  start(run: { log: Log }): Step;
}

/** A step in a run. */
export interface Step {
  /** Works on a batch in place. Gives a promise only when it really must wait. */
  apply(batch: Batch, fail: Fail): void | Promise<void>;
  /** Called when the last batch went through. */
  finish?(): void;
}
