import type { FuzzTarget } from "../target.ts";
import { bundle } from "./bundle.ts";
import { codec } from "./codec.ts";
import { payloads } from "./payloads.ts";
import { policy } from "./policy.ts";
import { polled } from "./polled.ts";
import { processDefinition } from "./process.ts";

/** Everything that takes bytes from outside: one file, one line here, and a folder in `tests/corpus/`. */
export const TARGETS: readonly FuzzTarget[] = [bundle, codec, payloads, policy, polled, processDefinition];
