import type { SchemaProblem } from "../../protocol/payloads/schema.ts";
import type { Field } from "./fields.ts";

/** The beginning of a file, as bytes. */
export interface Sample {
  bytes: Uint8Array;
  /** Whether the file goes on behind it. */
  cut: boolean;
}

/** What a describer makes of a sample. */
export interface Described {
  root: Field;
  /** Why there is nothing more, or nothing at all. */
  problem?: SchemaProblem;
}

/** How the fields of a format are found: one file, and one line in `mod.ts`. */
export interface Describer<Options = unknown> {
  format: string;
  /** The endings of names that tell the format, without the dot. */
  endings: readonly string[];
  describe(sample: Sample, options: Options): Described;
}
