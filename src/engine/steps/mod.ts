import { filter } from "./filter.ts";
import { log } from "./log.ts";
import { map } from "./map.ts";
import { set } from "./set.ts";
import type { StepKind } from "./step.ts";

/** Every kind of step. */
export const STEP_KINDS: readonly StepKind[] = [filter, log, map, set] as StepKind[];
