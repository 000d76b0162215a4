import type { Command } from "./command.ts";
import { egress } from "./egress.ts";
import { enroll } from "./enroll.ts";
import { permissions } from "./permissions.ts";
import { processCheck } from "./process_check.ts";
import { processRun } from "./process_run.ts";
import { processSchema } from "./process_schema.ts";
import { run } from "./run.ts";
import { status } from "./status.ts";

/** Every command of the agent, in the order in which the help shows them. */
export const COMMANDS: readonly Command[] = [
  enroll,
  run,
  status,
  permissions,
  egress,
  processRun,
  processCheck,
  processSchema,
];
