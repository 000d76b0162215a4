import { canonicalJson } from "../../base/json.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, queryOne, transaction } from "../../base/sqlite.ts";
import type {
  RunFinished,
  TrackedFile,
  TrackingBatch,
  TrackingRecord,
} from "../../protocol/payloads/tracking.ts";
import type { Ingested, MovedRun } from "./runs.ts";

/**
 * Storing tracking records exactly once: a stream's last settled number and the records move in one
 * transaction, so a batch that is sent again, or overlaps with an earlier one, changes nothing. A number that was
 * settled is compared with what is stored: of two spools that go by the name of one stream, neither record may
 * be taken for a repetition of the other.
 */
export function sqliteIngest(
  db: Database,
): (agent: string, batch: TrackingBatch, now: number) => Ingested {
  const settled = queryOne<{ through: number }>(
    db,
    "SELECT through FROM streams WHERE agent = ? AND stream = ?",
  );
  const settle = command(
    db,
    `INSERT INTO streams VALUES (?1, ?2, ?3)
     ON CONFLICT (agent, stream) DO UPDATE SET through = ?3`,
  );
  const stored = queryOne<{ body: string }>(
    db,
    "SELECT body FROM records WHERE agent = ? AND stream = ? AND seq = ?",
  );
  const addRecord = command(db, "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)");
  const apply = runTables(db);

  return (agent, { stream, through, records }, now) =>
    transaction(db, () => {
      const last = settled(agent, stream)?.through ?? 0;
      const runs: Ingested["runs"] = [];
      let fresh = 0;
      for (const { seq, record } of records) {
        // A number without a record was kept back by the owner's policy before, and is not any more.
        const before = seq <= last ? stored(agent, stream, seq)?.body : undefined;
        if (before !== undefined) {
          if (isSame(before, record)) continue;
          return { through: seq - 1, conflict: true, stored: fresh, runs };
        }
        addRecord(agent, stream, seq, record.kind, JSON.stringify(record), now);
        apply(agent, record);
        fresh++;
        if (record.kind !== "run-files") runs.push(movedRun(record));
      }
      if (through > last) settle(agent, stream, through);
      return { through: Math.max(last, through), conflict: false, stored: fresh, runs };
    });
}

/** What the owner's policy may shape, and may have shaped otherwise when a record was sent before. */
const SHAPED: ReadonlySet<string> = new Set(["name", "directory", "message", "file"]);

/** Whether two records tell of the same thing, whatever the owner's policy did to their names and words. */
function isSame(stored: string, record: TrackingRecord): boolean {
  const unshaped = (text: string) =>
    canonicalJson(JSON.parse(text, (key, value) => SHAPED.has(key) ? undefined : value));
  return unshaped(stored) === unshaped(JSON.stringify(record));
}

/** What others are told of a run that began or ended. */
function movedRun(record: Exclude<TrackingRecord, { kind: "run-files" }>): MovedRun {
  const { kind, runId: id, process } = record;
  if (kind === "run-started") return { id, kind, process };
  return { id, kind, process, outcome: record.outcome, ...record.error && { reason: record.error.message } };
}

/** Brings the tables that people read up to date. A run belongs to the agent that named it first. */
function runTables(db: Database): (agent: string, record: TrackingRecord) => void {
  const start = command(
    db,
    `INSERT INTO runs (id, agent, process, version, definition, trigger, started_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const finish = command(
    db,
    `UPDATE runs SET ended_at = ?3, outcome = ?4, documents_in = ?5, documents_out = ?6,
       documents_filtered = ?7, documents_failed = ?8, bytes_in = ?9, bytes_out = ?10, file_count = ?11,
       error_code = ?12, error_message = ?13
     WHERE id = ?1 AND agent = ?2`,
  );
  const addFile = command(
    db,
    `INSERT INTO run_files (run, agent, role, directory, name, bytes, documents, failed)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
     ON CONFLICT DO UPDATE SET bytes = ?6, documents = ?7, failed = ?8`,
  );
  const addFiles = (agent: string, run: string, files: readonly TrackedFile[]) => {
    for (const { role, directory, name, bytes, documents, failed } of files) {
      addFile(run, agent, role, directory, name, bytes, documents, failed);
    }
  };
  const finishRun = (agent: string, run: RunFinished) => {
    const { documents, error } = run;
    finish(
      run.runId,
      agent,
      run.endedAt,
      run.outcome,
      documents.in,
      documents.out,
      documents.filtered,
      documents.failed,
      run.bytesIn,
      run.bytesOut,
      run.fileCount,
      error?.code ?? null,
      error?.message ?? null,
    );
    addFiles(agent, run.runId, run.files);
  };
  return (agent, record) => {
    if (record.kind === "run-files") return addFiles(agent, record.runId, record.files);
    // A finish may come without its start, which the owner's policy can withhold.
    const { runId, process, version, definition, trigger, startedAt } = record;
    start(runId, agent, process, version, definition, trigger, startedAt);
    if (record.kind === "run-finished") finishRun(agent, record);
  };
}
