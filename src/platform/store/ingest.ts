import { utf8 } from "../../base/encoding.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, queryOne, transaction } from "../../base/sqlite.ts";
import type { GapRecord, RunFinished, RunStarted, TrackingBatch } from "../../protocol/payloads/tracking.ts";
import { keepGaps } from "./gaps.ts";
import type { Ingested, MovedRun } from "./runs.ts";

/** A batch as it arrived, and as it was understood. */
export interface ArrivedBatch {
  batch: TrackingBatch;
  /** The batch as JSON in UTF-8. */
  body: Uint8Array;
}

/**
 * Storing tracking records exactly once: a stream's last settled number and the records move in one
 * transaction, so a batch that is sent again, or overlaps with an earlier one, changes nothing.
 */
export function sqliteIngest(db: Database): (agent: string, arrived: ArrivedBatch, now: number) => Ingested {
  const settled = settledThrough(db);
  const settle = command(
    db,
    `INSERT INTO streams VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (agent, stream) DO UPDATE SET through = ?3, records = records + ?4`,
  );
  const keep = command(db, "INSERT INTO batches VALUES (?, ?, ?, ?, ?)");
  const keepGap = keepGaps(db);
  const apply = runTables(db);

  return (agent, { batch, body }, now) =>
    transaction(db, () => {
      const { stream, through, records } = batch;
      const last = settled(agent, stream);
      if (through <= last) return { through: last, runs: [], gaps: [] };
      const fresh = records.filter(({ seq }) => seq > last);
      settle(agent, stream, through, fresh.length);
      const isWhole = fresh.length === records.length;
      const kept = isWhole ? body : utf8(JSON.stringify({ ...batch, records: fresh }));
      if (fresh.length > 0) keep(agent, stream, through, now, kept);
      const gaps: GapRecord[] = [];
      for (const { seq, record } of fresh) {
        if (record.kind !== "gap") continue;
        keepGap(agent, stream, seq, record, now);
        gaps.push(record);
      }
      return { through, runs: apply(agent, stream, fresh), gaps };
    });
}

type Arrived = TrackingBatch["records"][number];

/** How far a stream is settled; 0 when nothing of it is. */
export function settledThrough(db: Database): (agent: string, stream: string) => number {
  const read = queryOne<{ through: number }>(
    db,
    "SELECT through FROM streams WHERE agent = ? AND stream = ?",
  );
  return (agent, stream) => read(agent, stream)?.through ?? 0;
}

/** Brings the table of runs up to date, and gives those that moved. */
function runTables(db: Database): (agent: string, stream: string, records: Arrived[]) => MovedRun[] {
  const start = command(
    db,
    `INSERT INTO runs (id, agent, process, version, definition, trigger, started_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  // An end may come without its start, which the owner's policy can withhold. A run belongs to the agent that named
  // it first.
  const finish = command(
    db,
    `INSERT INTO runs (id, agent, process, version, definition, trigger, started_at, ended_at, outcome,
       documents_in, documents_out, documents_filtered, documents_failed, bytes_in, bytes_out, file_count,
       error_code, error_message, files)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
     ON CONFLICT (id) DO UPDATE SET ended_at = ?8, outcome = ?9, documents_in = ?10, documents_out = ?11,
       documents_filtered = ?12, documents_failed = ?13, bytes_in = ?14, bytes_out = ?15, file_count = ?16,
       error_code = ?17, error_message = ?18, files = ?19
     WHERE agent = ?2`,
  );
  const addFiles = command(
    db,
    "INSERT INTO run_files (run, agent, stream, seq, files) VALUES (?, ?, ?, ?, ?)",
  );
  return (agent, stream, records) => {
    const heads = new Map<string, RunStarted | RunFinished>();
    for (const { seq, record } of records) {
      if (record.kind === "run-started" && !heads.has(record.runId)) heads.set(record.runId, record);
      // The end of a run says all that its start says.
      if (record.kind === "run-finished") heads.set(record.runId, record);
      if (record.kind === "run-files") {
        addFiles(record.runId, agent, stream, seq, JSON.stringify(record.files));
      }
    }
    return [...heads.values()].map((head) => {
      const { runId, process, version, definition, trigger, startedAt } = head;
      const facts = [runId, agent, process, version, definition, trigger, startedAt] as const;
      if (head.kind === "run-started") start(...facts);
      else finish(...facts, ...resultOf(head));
      return movedRun(head);
    });
  };
}

function resultOf(
  { endedAt, outcome, documents, bytesIn, bytesOut, fileCount, error, files }: RunFinished,
) {
  return [
    endedAt,
    outcome,
    documents.in,
    documents.out,
    documents.filtered,
    documents.failed,
    bytesIn,
    bytesOut,
    fileCount,
    error?.code ?? null,
    error?.message ?? null,
    JSON.stringify(files),
  ];
}

/** What others are told of a run that began or ended. */
function movedRun(head: RunStarted | RunFinished): MovedRun {
  const { kind, runId: id, process } = head;
  if (kind === "run-started") return { id, kind, process };
  return { id, kind, process, outcome: head.outcome, ...head.error && { reason: head.error.message } };
}
