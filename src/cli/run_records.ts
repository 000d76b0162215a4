import { green, red, yellow } from "@std/fmt/colors";
import type { Clock } from "../base/clock.ts";
import { utf8 } from "../base/encoding.ts";
import { SallyportError } from "../base/errors.ts";
import { DATABASE_PATH } from "../agent/home.ts";
import type { LogSource } from "../engine/logs/read.ts";
import { migrateEngine } from "../engine/tables.ts";
import type { RunOutcome } from "../protocol/payloads/tracking.ts";
import { RUN_ERRORS } from "../protocol/run_errors.ts";
import { writeOut } from "./output.ts";
import { withState } from "./state.ts";

/** What the commands on runs have in common. */

/**
 * Works on the runs of this home.
 *
 * @throws {SallyportError} `run.unknown` when nothing ever ran in it.
 */
export async function withRuns(clock: Clock, work: (source: LogSource) => Promise<void>): Promise<void> {
  const isDone = await withState(async (db) => {
    migrateEngine(db);
    await work({ db, databasePath: DATABASE_PATH, clock });
    return true;
  });
  if (isDone) return;
  throw new SallyportError("run.unknown", "nothing ever ran in this home", {
    remedy: RUN_ERRORS["run.unknown"].remedy,
  });
}

/** How an outcome is shown: a run that has none is under way. */
export function outcomeText(outcome: RunOutcome | undefined): string {
  if (outcome === undefined) return "running";
  return { succeeded: green, partial: yellow, failed: red, interrupted: red }[outcome](outcome);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

/** What is written at once when nobody waits for it. */
const BUFFER_CHARS = 32 * 1024;

/** Lines for standard output, many at a time. */
export class LineOutput {
  #text = "";

  /** Writes a line, at once when there is somebody who waits for it; false when nobody reads any more. */
  async line(text: string, atOnce = false): Promise<boolean> {
    this.#text += `${text}\n`;
    return this.#text.length < BUFFER_CHARS && !atOnce ? true : await this.end();
  }

  /** Writes what is left. */
  async end(): Promise<boolean> {
    const text = this.#text;
    this.#text = "";
    return await writeOut(utf8(text));
  }
}

/** Prints one record a line, as it stands; `atOnce` when somebody waits for each. */
export async function showJson(records: AsyncIterable<object>, atOnce = false): Promise<void> {
  const output = new LineOutput();
  for await (const record of records) if (!await output.line(JSON.stringify(record), atOnce)) return;
  await output.end();
}
