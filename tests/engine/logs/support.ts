import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { readRunErrors } from "../../../src/engine/logs/read_errors.ts";
import { readRunLog } from "../../../src/engine/logs/read.ts";
import { RunLogs } from "../../../src/engine/logs/store.ts";
import { EngineRedaction } from "../../../src/engine/redaction.ts";
import { createRuns } from "../../../src/engine/runs.ts";
import type { RunHead } from "../../../src/engine/runs.ts";
import { migrateEngine } from "../../../src/engine/tables.ts";
import type { ErrorRecord } from "../../../src/protocol/payloads/errors.ts";
import { errorRecordSchema } from "../../../src/protocol/payloads/errors.ts";
import type { LogQuery, LogRecord } from "../../../src/protocol/payloads/logs.ts";
import { logRecordSchema } from "../../../src/protocol/payloads/logs.ts";
import { define, ORDERS, TestHome } from "../support.ts";

const never = new AbortController().signal;

/** A home whose runs' logs can be read; every record is checked against its schema. */
export class LogHome extends TestHome {
  readonly logs = `${this.path}/state/logs`;

  get source() {
    const { db, databasePath } = this;
    return { db, databasePath, clock: systemClock };
  }

  /** Everything that a query gives, or what it gives until `take` has enough. */
  async log(query: LogQuery, take = (_: LogRecord) => false, signal = never): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    for await (const record of readRunLog(query, this.source, signal)) {
      records.push(logRecordSchema.parse(record));
      if (take(record)) break;
    }
    return records;
  }

  async errors(runId: string): Promise<ErrorRecord[]> {
    const records: ErrorRecord[] = [];
    for await (const record of readRunErrors({ runId }, this.source, never)) {
      records.push(errorRecordSchema.parse(record));
    }
    return records;
  }

  /** The text of every file in the folder of logs. */
  logTexts(): string[] {
    return [...Deno.readDirSync(this.logs)].map(({ name }) => Deno.readTextFileSync(`${this.logs}/${name}`));
  }

  /** What an engine of this home has, without running anything. */
  idle() {
    migrateEngine(this.db);
    const redaction = new EngineRedaction(this.db);
    const runs = createRuns(this.db, "engine", { clock: systemClock, outbox: undefined, redaction });
    return { redaction, runs, logs: new RunLogs({ ...this.source, log: silentLog, redaction }) };
  }

  /** A run that is under way, with its log, and the way to end it. */
  begin() {
    const { redaction, runs, logs } = this.idle();
    const head: RunHead = runs.begin(define(ORDERS), "manual");
    const runLog = logs.begin(head);
    return {
      head,
      runId: head.runId,
      runs,
      logs,
      redaction,
      runLog,
      finish() {
        runs.finishAbandoned(head, {
          outcome: "succeeded",
          documents: { in: 0, out: 0, filtered: 0, failed: 0 },
          bytesIn: 0,
          bytesOut: 0,
          files: [],
        });
        logs.close(runLog, head, { ended: true });
      },
    };
  }
}

/** The texts of messages, in order. */
export function texts(records: readonly LogRecord[]): string[] {
  return records.filter((record) => record.kind === "message").map(({ message }) => message);
}

/** The records of one kind. */
export function ofKind<R extends { kind: string }, K extends R["kind"]>(
  records: readonly R[],
  kind: K,
): Extract<R, { kind: K }>[] {
  return records.filter((record): record is Extract<R, { kind: K }> => record.kind === kind);
}
