import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { utf8Length } from "../../base/encoding.ts";
import { MAX_LOG_FACT_CHARS, MAX_LOG_FACTS, MAX_RUN_LOG_BYTES } from "../../base/limits.ts";
import type { Log, LogFacts } from "../../base/log.ts";
import type { LogMessage, LogStep, RunLogLevel } from "../../protocol/payloads/logs.ts";
import { RUN_LOG_LEVELS } from "../../protocol/payloads/logs.ts";
import type { EngineRedaction } from "../redaction.ts";
import { Failures } from "./failures.ts";
import type { RunLogFiles } from "./files.ts";
import { LineFile } from "./line_file.ts";
import type { LostLines } from "./line_file.ts";
import { noLevels } from "./records.ts";
import type { LogHeader, LogLine, Snapshot } from "./records.ts";

/** Two files share the room: the one that is written, and the one before. */
const MAX_SEGMENT_BYTES = MAX_RUN_LOG_BYTES / 2;
/** After so many bytes of messages the next snapshot follows: it is looked for at the end of the file only. */
export const SNAPSHOT_BYTES = 64 * 1024;
const SNAPSHOT_MS = 2_000;
/** A run that takes days would fill its log with snapshots: they come no oftener than at this share of its time. */
const SNAPSHOT_SHARE = 0.01;

export interface RunLogOptions {
  runId: string;
  files: RunLogFiles;
  clock: Clock;
  redaction: EngineRedaction;
  /** The level at which the process logs now. */
  level: () => RunLogLevel;
  /** How far the log is, when it was begun before a crash. */
  before?: { snapshot: Snapshot; segment: number } | undefined;
}

/** The log of one run while it is written. Nothing of it ever fails the run. */
export class RunLog {
  /** What went wrong, in detail. */
  readonly failures: Failures;
  readonly #options: RunLogOptions;
  readonly #file: LineFile;
  readonly #levels = noLevels();
  #records = 0;
  #bytes = 0;
  #segment = -1;
  #steps: () => LogStep[];
  #lowest: number;
  readonly #startedAt: number;
  #snapshotAt: number;
  #snapshotBytes = 0;

  constructor(options: RunLogOptions) {
    const { files, clock, redaction, before } = options;
    this.#options = options;
    this.failures = new Failures(files.errors, clock, redaction);
    this.#steps = () => before?.snapshot.steps ?? [];
    if (before) {
      Object.assign(this.#levels, before.snapshot.levels);
      this.#records = before.snapshot.records;
      this.#bytes = before.snapshot.bytes;
      this.#segment = before.segment;
    }
    this.#startedAt = this.#snapshotAt = clock.monotonic();
    this.#lowest = RUN_LOG_LEVELS.indexOf(options.level());
    this.#file = new LineFile({
      path: files.current,
      rotation: { older: files.older, maxBytes: MAX_SEGMENT_BYTES },
      opening: () => this.#opening(),
      gap: (lost) => lineOf({ kind: "gap", reason: "unwritable", ...lost }),
    });
  }

  /** What the run has written. */
  get bytes(): number {
    return this.#bytes + this.failures.bytes;
  }

  /** Lines that could not be written, and why the last could not. */
  get lost(): LostLines & { fault: unknown } {
    return { ...this.#file.lost, fault: this.#file.fault };
  }

  /** Where the figures of the steps come from. */
  measure(steps: () => LogStep[]): void {
    this.#steps = steps;
  }

  /** Writes into this log; a fact `step` says which step it is that speaks. */
  readonly log: Log = this.#asLog({});

  /** Tells that a batch went through: keeps the snapshot young, and looks for another level. */
  tick(): void {
    const { clock, level } = this.#options;
    const now = clock.monotonic();
    if (now - this.#snapshotAt < Math.max(SNAPSHOT_MS, (now - this.#startedAt) * SNAPSHOT_SHARE)) return;
    this.#lowest = RUN_LOG_LEVELS.indexOf(level());
    this.#snapshot();
  }

  /** Ends the log; `ended`: because its run has. */
  close({ ended }: { ended: boolean }): void {
    this.#snapshot(ended);
    this.#file.close();
    this.failures.close();
  }

  #asLog(inherited: LogFacts): Log {
    const at = (level: RunLogLevel) => (message: string, facts: LogFacts = {}) =>
      this.#message(level, message, { ...inherited, ...facts });
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warning"),
      error: at("error"),
      child: (facts) => this.#asLog({ ...inherited, ...facts }),
    };
  }

  #message(level: RunLogLevel, text: string, { step, ...facts }: LogFacts): void {
    if (RUN_LOG_LEVELS.indexOf(level) < this.#lowest) return;
    const { clock, redaction } = this.#options;
    const kept = this.#factsOf(facts);
    const record: LogMessage = {
      kind: "message",
      time: isoTime(clock.now()),
      level,
      ...(step === undefined ? {} : { step: String(step) }),
      message: redaction.bounded(text),
      ...(kept.length === 0 ? {} : { facts: Object.fromEntries(kept) }),
    };
    const line = lineOf(record);
    this.#file.append(line, 1);
    this.#levels[level]++;
    this.#records++;
    const bytes = utf8Length(line);
    this.#bytes += bytes;
    this.#snapshotBytes += bytes;
    if (this.#snapshotBytes >= SNAPSHOT_BYTES) this.#snapshot();
  }

  #factsOf(facts: LogFacts): [string, string | number | boolean | null][] {
    const { redaction } = this.#options;
    return Object.entries(facts)
      .filter((entry): entry is [string, string | number | boolean | null] => entry[1] !== undefined)
      .slice(0, MAX_LOG_FACTS)
      .map(([name, value]) => [
        name,
        typeof value === "string" ? redaction.text(value).slice(0, MAX_LOG_FACT_CHARS) : value,
      ]);
  }

  #snapshot(ended = false): void {
    this.#snapshotAt = this.#options.clock.monotonic();
    this.#snapshotBytes = 0;
    this.#file.append(lineOf(this.#state(ended)), 0);
  }

  #state(ended: boolean): Snapshot {
    return {
      kind: "snapshot",
      records: this.#records,
      bytes: this.#bytes,
      levels: this.#levels,
      steps: this.#steps(),
      ...(ended ? { ended } : {}),
    };
  }

  /** The lines that a new file begins with. */
  #opening(): string {
    // Lines that no gap stands for yet will be accounted for in this file.
    const { records, bytes } = this.#file.unnoted;
    const header: LogHeader = {
      kind: "log",
      format: 1,
      runId: this.#options.runId,
      segment: ++this.#segment,
      recordsBefore: this.#records - records,
      bytesBefore: this.#bytes - bytes,
    };
    return lineOf(header) + lineOf(this.#state(false));
  }
}

function lineOf(record: LogLine): string {
  return `${JSON.stringify(record)}\n`;
}
