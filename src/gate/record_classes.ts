import type { RecordClass } from "./batch.ts";
import { DATA } from "./data.ts";
import { TRACKING } from "./tracking.ts";

/** Every class of records that wait in the spool. */
export const RECORD_CLASSES: readonly RecordClass<object>[] = [TRACKING, DATA];
