import { utf8 } from "../../base/encoding.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, transaction } from "../../base/sqlite.ts";
import type { RunFinished, RunStarted, TrackingBatch } from "../../protocol/payloads/tracking.ts";
import type { Ingested, MovedRun } from "./runs.ts";
import { settleBatches } from "./streams.ts";

/** A batch as it arrived, and as it was understood. */
export interface ArrivedBatch {
  batch: TrackingBatch;
  /** The batch as JSON in UTF-8. */
  body: Uint8Array;
}

/** Storing tracking records exactly once, with the bodies in which they came. */
export function sqliteIngest(db: Database): (agent: string, arrived: ArrivedBatch, now: number) => Ingested {
  const settle = settleBatches(db);
  const keep = command(db, "INSERT INTO batches VALUES (?, ?, ?, ?, ?)");
  const apply = runTables(db);

  return (agent, { batch, body }, now) =>
    transaction(db, () => {
      const { fresh, ...settled } = settle(agent, batch, now);
      const { stream, through } = settled;
      const isWhole = fresh.length === batch.records.length;
      const kept = isWhole ? body : utf8(JSON.stringify({ ...batch, records: fresh }));
      if (fresh.length > 0) keep(agent, stream, through, now, kept);
      return { ...settled, runs: apply(agent, stream, fresh) };
    });
}

type Arrived = TrackingBatch["records"][number];

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
