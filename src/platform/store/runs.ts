import type { Database } from "../../base/sqlite.ts";
import { query, queryOne } from "../../base/sqlite.ts";
import type { RunOutcome, TrackedFile, TriggerKind } from "../../protocol/payloads/tracking.ts";
import { FILE_ROLES } from "../../protocol/payloads/tracking.ts";
import type { ArrivedBatch } from "./ingest.ts";
import { sqliteIngest } from "./ingest.ts";
import type { Eventually } from "./store.ts";
import type { SettledBatch } from "./streams.ts";

/** A run as the platform knows it; without an end it is still going, as far as the agent has said. */
export interface RunRecord {
  id: string;
  agent: string;
  agentName: string;
  process: string;
  version: string;
  definition: string;
  trigger: TriggerKind;
  startedAt: string;
  endedAt: string | undefined;
  outcome: RunOutcome | undefined;
  documents: { in: number; out: number; filtered: number; failed: number };
  bytesIn: number;
  bytesOut: number;
  fileCount: number;
  error: { code: string; message: string } | undefined;
}

/** Which runs to list; `before` is the id of the last run of the page before. */
export interface RunFilter {
  agent?: string | undefined;
  process?: string | undefined;
  outcome?: RunOutcome | "running" | undefined;
  before?: string | undefined;
  limit: number;
}

/** What a batch changed beside its stream: which runs moved. */
export interface Ingested extends SettledBatch {
  runs: MovedRun[];
}

/** A run that began or ended; the reason is the words of its error. */
export interface MovedRun {
  id: string;
  kind: "run-started" | "run-finished";
  process: string;
  outcome?: RunOutcome;
  reason?: string;
}

/** Sums over everything stored. */
export interface RunTotals {
  runs: Record<RunOutcome | "running", number>;
  documents: { in: number; out: number; filtered: number; failed: number };
  files: number;
  records: number;
}

/** Documents of the runs that ended within one minute. */
export interface MinuteOfActivity {
  /** ISO 8601, the minute's start. */
  minute: string;
  in: number;
  out: number;
  failed: number;
}

export interface RunStore {
  /** Stores the records of a batch that are not stored yet, each exactly once. */
  ingest(agent: string, arrived: ArrivedBatch, now: number): Eventually<Ingested>;
  get(id: string): Eventually<RunRecord | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Eventually<RunRecord[]>;
  files(id: string): Eventually<TrackedFile[]>;
  totals(): Eventually<RunTotals>;
  /** The minutes since `from` (ISO 8601) in which runs ended, oldest first. */
  activity(from: string): Eventually<MinuteOfActivity[]>;
}

interface RunRow {
  id: string;
  agent: string;
  agent_name: string;
  process: string;
  version: string;
  definition: string;
  trigger: TriggerKind;
  started_at: string;
  ended_at: string | null;
  outcome: RunOutcome | null;
  documents_in: number;
  documents_out: number;
  documents_filtered: number;
  documents_failed: number;
  bytes_in: number;
  bytes_out: number;
  file_count: number;
  error_code: string | null;
  error_message: string | null;
}

const SELECT_RUN =
  `SELECT id, agent, agents.name AS agent_name, process, version, definition, trigger, started_at, ended_at,
     outcome, documents_in, documents_out, documents_filtered, documents_failed, bytes_in, bytes_out, file_count,
     error_code, error_message
   FROM runs JOIN agents ON uid = agent`;

/** The runs' part of the store in SQLite. */
export function sqliteRuns(db: Database): RunStore {
  const one = queryOne<RunRow>(db, `${SELECT_RUN} WHERE id = ?`);
  const list = query<RunRow>(
    db,
    `${SELECT_RUN} WHERE (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR process = ?2)
       AND (?3 IS NULL OR coalesce(outcome, 'running') = ?3)
       AND (?4 IS NULL OR (started_at, id) < (SELECT started_at, id FROM runs WHERE id = ?4))
     ORDER BY started_at DESC, id DESC LIMIT ?5`,
  );
  const files = query<{ files: string }>(
    db,
    `SELECT files FROM (
       SELECT 0 AS seq, files FROM runs WHERE id = ?1
       UNION ALL SELECT seq, f.files FROM run_files f JOIN runs USING (agent) WHERE run = ?1 AND id = ?1
     ) ORDER BY seq`,
  );
  const outcomes = query<{ outcome: RunOutcome | "running"; n: number }>(
    db,
    "SELECT coalesce(outcome, 'running') AS outcome, count(*) AS n FROM runs GROUP BY 1",
  );
  const sums = queryOne<RunTotals["documents"]>(
    db,
    `SELECT coalesce(sum(documents_in), 0) AS "in", coalesce(sum(documents_out), 0) AS "out",
       coalesce(sum(documents_filtered), 0) AS filtered, coalesce(sum(documents_failed), 0) AS failed FROM runs`,
  );
  const counts = queryOne<{ files: number; records: number }>(
    db,
    `SELECT (SELECT coalesce(sum(file_count), 0) FROM runs) AS files,
       (SELECT coalesce(sum(records), 0) FROM streams) AS records`,
  );
  const activity = query<MinuteOfActivity>(
    db,
    `SELECT substr(ended_at, 1, 16) || ':00Z' AS minute, sum(documents_in) AS "in",
       sum(documents_out) AS "out", sum(documents_failed) AS failed
     FROM runs WHERE ended_at >= ? GROUP BY 1 ORDER BY 1`,
  );

  return {
    ingest: sqliteIngest(db),
    get(id) {
      const row = one(id);
      return row && asRun(row);
    },
    list: ({ agent, process, outcome, before, limit }) =>
      list(agent ?? null, process ?? null, outcome ?? null, before ?? null, limit).map(asRun),
    files: (id) => files(id).flatMap((part) => JSON.parse(part.files) as TrackedFile[]).sort(byRole),
    totals() {
      const runs = { running: 0, succeeded: 0, partial: 0, failed: 0, interrupted: 0 };
      for (const { outcome, n } of outcomes()) runs[outcome] = n;
      return { runs, documents: { ...sums()! }, ...counts()! };
    },
    activity: (from) => activity(from),
  };
}

/** Sources first, then what was written, each in the order of its names. */
function byRole(a: TrackedFile, b: TrackedFile): number {
  const key = ({ role, directory, name }: TrackedFile) => `${FILE_ROLES.indexOf(role)} ${directory}/${name}`;
  return key(a) < key(b) ? -1 : 1;
}

function asRun(row: RunRow): RunRecord {
  return {
    id: row.id,
    agent: row.agent,
    agentName: row.agent_name,
    process: row.process,
    version: row.version,
    definition: row.definition,
    trigger: row.trigger,
    startedAt: row.started_at,
    endedAt: row.ended_at ?? undefined,
    outcome: row.outcome ?? undefined,
    documents: {
      in: row.documents_in,
      out: row.documents_out,
      filtered: row.documents_filtered,
      failed: row.documents_failed,
    },
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    fileCount: row.file_count,
    error: row.error_code === null ? undefined : { code: row.error_code, message: row.error_message ?? "" },
  };
}
