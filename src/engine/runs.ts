import { isoTime } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { uuidv7 } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import { command, query, queryOne, transaction } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import type { DataRecord, Documents } from "../protocol/payloads/data.ts";
import type {
  RunFinished,
  RunOutcome,
  TrackedFile,
  TrackingRecord,
  TriggerKind,
} from "../protocol/payloads/tracking.ts";
import { dataGrants } from "./data_grant.ts";
import type { Process } from "./definition/definition.ts";
import { performMarks } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import { createMarks } from "./marks.ts";
import type { EngineRedaction } from "./redaction.ts";
import { toldMessage } from "./told.ts";
import { startTracking } from "./tracked_fields.ts";
import type { TrackedFields } from "./tracked_fields.ts";
import { trackingRecords } from "./tracking.ts";

/** What the engine puts out, by channel. */
export interface OutboxRecords {
  tracking: TrackingRecord;
  data: DataRecord;
}

/** Where records go; called inside the transaction of the run's own record, on the same database. */
export interface Outbox {
  put<C extends keyof OutboxRecords>(channel: C, record: OutboxRecords[C]): void;
}

/** Who runs it: the agent, or a person by `sallyport process run`. */
export type RunOwner = "engine" | "local";

/** The facts of a run that stand from its start. */
export type RunHead = Pick<
  RunFinished,
  "runId" | "process" | "version" | "definition" | "trigger" | "startedAt"
>;

/** What a run came to. */
export interface RunResult {
  outcome: RunOutcome;
  documents: RunFinished["documents"];
  bytesIn: number;
  bytesOut: number;
  files: TrackedFile[];
  error?: RunFinished["error"] | undefined;
}

/** A run that was decided, and what is left to do for it. */
export interface CommittingRun {
  head: RunHead;
  plan: { result: RunResult; journal: JournalEntry[] };
}

/** A run that had not come to a decision when its engine ended, and where its temporary files may be. */
export interface OpenRun {
  head: RunHead;
  folders: string[];
}

/** A run as `sallyport status` shows it. */
export interface RunSummary extends RunHead {
  state: "running" | "committing" | "finished";
  endedAt?: string;
  outcome?: RunOutcome;
  documents?: RunFinished["documents"];
  bytesIn?: number;
  bytesOut?: number;
  fileCount?: number;
  error?: RunFinished["error"];
}

/** The most recent runs, of one process or of all, newest first. Needs no more than read access to the database. */
export function recentRuns(db: Database, limit = 20, process: string | null = null): RunSummary[] {
  return query<RunRow>(
    db,
    "SELECT state, head, record FROM engine_runs WHERE ?1 IS NULL OR process = ?1 ORDER BY id DESC LIMIT ?2",
  )(process, limit).map(summaryOf);
}

/** One run, or undefined when there is none with this id. */
export function findRun(db: Database, runId: string): RunSummary | undefined {
  const row = queryOne<RunRow>(db, "SELECT state, head, record FROM engine_runs WHERE id = ?")(runId);
  return row && summaryOf(row);
}

interface RunRow {
  state: RunSummary["state"];
  head: string;
  record: string | null;
}

function summaryOf({ state, head, record }: RunRow): RunSummary {
  const { files: _files, kind: _kind, ...finished } = record ? JSON.parse(record) : { files: [], kind: "" };
  return { ...JSON.parse(head), ...finished, state };
}

/** Finished runs that are kept, so that the database does not grow for ever. */
const KEPT_RUNS = 10_000;

type Runs = ReturnType<typeof createRuns>;
export type { Runs };

/** The runs of one owner, in the engine's tables. What ended a run is written down without secrets. */
export function createRuns(
  db: Database,
  owner: RunOwner,
  { clock, outbox, redaction }: { clock: Clock; outbox: Outbox | undefined; redaction: EngineRedaction },
) {
  const marks = createMarks(db);
  const insert = command(
    db,
    "INSERT INTO engine_runs (id, owner, process, state, started_at, head, folders, tracked) " +
      "VALUES (?, ?, ?, 'running', ?, ?, ?, ?)",
  );
  const decide = command(db, "UPDATE engine_runs SET state = 'committing', plan = ? WHERE id = ?");
  const close = command(
    db,
    "UPDATE engine_runs SET state = 'finished', outcome = ?, plan = NULL, record = ? " +
      "WHERE id = ? AND state <> 'finished'",
  );
  const prune = command(
    db,
    `DELETE FROM engine_runs WHERE state = 'finished' AND id <= (
      SELECT id FROM engine_runs WHERE state = 'finished' ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_RUNS})`,
  );
  const openOf = query<{ owner: string; state: string }>(
    db,
    "SELECT owner, state FROM engine_runs WHERE process = ? AND state <> 'finished'",
  );
  const inState = query<{ head: string; folders: string; plan: string | null }>(
    db,
    "SELECT head, folders, plan FROM engine_runs WHERE state = ? AND owner = ? ORDER BY id",
  );
  const whyNotTracked = dataGrants(db);
  const wasTracked = query<{ tracked: number }>(db, "SELECT tracked FROM engine_runs WHERE id = ?");

  /** Writes the end of a run; call it inside a transaction. */
  const finish = (head: RunHead, { error, ...rest }: RunResult) => {
    const result = { ...rest, error: error && { ...error, message: redaction.bounded(error.message) } };
    const endedAt = isoTime(Math.max(clock.now(), Date.parse(head.startedAt)));
    const [finished, ...more] = trackingRecords(head, result, endedAt);
    const changed = close(result.outcome, JSON.stringify(finished), head.runId);
    if (changed === 0) return;
    prune();
    if (wasTracked(head.runId)[0]?.tracked !== 1) return;
    for (const record of [finished!, ...more]) outbox?.put("tracking", record);
  };

  return {
    marks,

    /**
     * Begins a run: its record and its first tracking record in one transaction.
     *
     * @throws {SallyportError} `run.failed` when another run of the process is not finished.
     */
    begin(process: Process, trigger: TriggerKind): RunHead {
      const startedAt = clock.now();
      const head: RunHead = {
        runId: uuidv7(clock),
        process: process.name,
        version: process.version,
        definition: process.definition,
        trigger,
        startedAt: isoTime(startedAt),
      };
      transaction(db, () => {
        const [other] = openOf(process.name);
        if (other) throw alreadyOpen(process.name, other);
        const folders = JSON.stringify(process.folders);
        insert(head.runId, owner, process.name, startedAt, JSON.stringify(head), folders, outbox ? 1 : 0);
        outbox?.put("tracking", { kind: "run-started", ...head });
      });
      return head;
    },

    /** What takes the tracked fields of a run that begins; undefined where none are to be taken. */
    track(process: Process, log: Log): TrackedFields | undefined {
      if (!outbox || !process.track) return undefined;
      const whyNot = () => whyNotTracked(process, clock.now());
      return startTracking(process.track, { whyNot, redact: redaction.text, log });
    },

    /**
     * Decides a run: from here on it will be completed, whatever happens. What is told of its documents is put out with
     * that, for they will not be read again.
     */
    commit(head: RunHead, result: RunResult, journal: JournalEntry[], documents: readonly Documents[]): void {
      transaction(db, () => {
        decide(JSON.stringify({ result, journal }), head.runId);
        for (const record of documents) outbox?.put("data", record);
      });
    },

    /** Finishes a run whose journal was performed. */
    finishCommitted(head: RunHead, result: RunResult, journal: readonly JournalEntry[]): void {
      transaction(db, () => {
        performMarks(journal, head.process, marks);
        finish(head, result);
      });
    },

    /** Finishes a run of which nothing was published. */
    finishAbandoned(head: RunHead, result: RunResult): void {
      transaction(db, () => finish(head, result));
    },

    /** Runs that were under way. */
    open(): OpenRun[] {
      return inState("running", owner).map(({ head, folders }) => ({
        head: JSON.parse(head),
        folders: JSON.parse(folders),
      }));
    },

    /** Runs that were decided, but not finished. */
    committing(): CommittingRun[] {
      return inState("committing", owner).map(({ head, plan }) => ({
        head: JSON.parse(head),
        plan: JSON.parse(plan!),
      }));
    },
  };
}

function alreadyOpen(process: string, other: { owner: string; state: string }): SallyportError {
  const who = other.owner === "engine" ? "by the agent" : "by `sallyport process run`";
  return new SallyportError(
    "run.failed",
    `the process ${process} is being run ${who}; it never overlaps itself`,
    {
      retryable: true,
      remedy: "Wait until that run has ended and try again.",
    },
  );
}

/**
 * The error of a run: code and message, no causes, which could quote content, and the input that it is about. The
 * record cuts the message to its bound.
 */
export function runError(
  error: SallyportError,
  input?: { name: string; directory: string },
): RunFinished["error"] {
  return {
    code: error.code,
    message: toldMessage(error),
    ...(input ? { file: { name: input.name, directory: input.directory } } : {}),
  };
}
