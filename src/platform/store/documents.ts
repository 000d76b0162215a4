import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { DataRecord, DocumentResult, Documents } from "../../protocol/payloads/data.ts";
import type { RecordBatch } from "../../protocol/payloads/stream.ts";
import type { Eventually } from "./store.ts";
import type { SettledBatch } from "./streams.ts";
import { settleBatches } from "./streams.ts";

/** A document of a run, with the fields that its process tracks. */
export interface StoredDocument {
  /** The file that it was read from, as its owner's policy names it. */
  name: string;
  directory: string;
  row: number;
  result: DocumentResult;
  fields: Record<string, string>;
  /** The names of those of which only the beginning is here. */
  cut: string[];
}

/** What is known of the documents of a run. Times are milliseconds since 1970 UTC. */
export interface TrackedRun {
  /** When it is forgotten. */
  until: number;
  /** Documents that are here. */
  documents: number;
  /** Documents of the run beyond those that are tracked. */
  beyond: number;
}

/** Fields of documents. Whoever may see them is decided by the callers, who also note who did. */
export interface DocumentStore {
  /** Stores the records of a batch that are not stored yet, each exactly once. */
  ingest(agent: string, batch: RecordBatch<DataRecord>, now: number): Eventually<SettledBatch>;
  /** Undefined when nothing of a run is here, or its time has passed. */
  run(id: string, now: number): Eventually<TrackedRun | undefined>;
  /** In the order in which they were read. */
  list(run: string, page: { now: number; limit: number; offset: number }): Eventually<StoredDocument[]>;
  /** Forgets what has passed its time; gives of how many runs that was. */
  forget(now: number): Eventually<number>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `CREATE TABLE tracked_runs (
     run TEXT NOT NULL,
     agent TEXT NOT NULL,
     until INTEGER NOT NULL,
     beyond INTEGER NOT NULL,
     PRIMARY KEY (run, agent)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX tracked_runs_by_end ON tracked_runs (until);
   CREATE TABLE tracked_documents (
     run TEXT NOT NULL,
     agent TEXT NOT NULL,
     file INTEGER NOT NULL,
     row INTEGER NOT NULL,
     name TEXT NOT NULL,
     directory TEXT NOT NULL,
     result TEXT NOT NULL,
     fields TEXT NOT NULL,
     cut TEXT NOT NULL,
     PRIMARY KEY (run, agent, file, row)
   ) STRICT, WITHOUT ROWID;`,
];

/** The documents' part of the store in SQLite. */
export function sqliteDocuments(db: Database): DocumentStore {
  migrate(db, "documents", MIGRATIONS);
  const settle = settleBatches(db);
  const keep = keepDocuments(db);
  // Documents belong to a run of the agent that tells of them; the run itself may be told later.
  const run = queryOne<TrackedRun>(
    db,
    `SELECT until, beyond, (SELECT count(*) FROM tracked_documents d WHERE d.run = t.run AND d.agent = t.agent)
       AS documents
     FROM runs r JOIN tracked_runs t ON t.run = r.id AND t.agent = r.agent WHERE r.id = ? AND until > ?`,
  );
  const list = query<Omit<StoredDocument, "fields" | "cut"> & { fields: string; cut: string }>(
    db,
    `SELECT name, directory, row, result, fields, cut
     FROM runs r JOIN tracked_runs t ON t.run = r.id AND t.agent = r.agent
       JOIN tracked_documents d ON d.run = r.id AND d.agent = r.agent
     WHERE r.id = ? AND until > ? ORDER BY file, row LIMIT ? OFFSET ?`,
  );
  const forgetDocuments = command(
    db,
    `DELETE FROM tracked_documents WHERE (run, agent) IN (SELECT run, agent FROM tracked_runs WHERE until <= ?)`,
  );
  const forgetRuns = command(db, "DELETE FROM tracked_runs WHERE until <= ?");

  return {
    ingest: (agent, batch, now) =>
      transaction(db, () => {
        const { fresh, ...settled } = settle(agent, batch, now);
        for (const { record } of fresh) {
          if (record.kind === "documents" && Date.parse(record.until) > now) keep(agent, record);
        }
        return settled;
      }),
    run(id, now) {
      const found = run(id, now);
      return found && { ...found };
    },
    list: (id, { now, limit, offset }) =>
      list(id, now, limit, offset).map(({ fields, cut, ...document }) => ({
        ...document,
        fields: JSON.parse(fields),
        cut: JSON.parse(cut),
      })),
    forget: (now) =>
      transaction(db, () => {
        forgetDocuments(now);
        return forgetRuns(now);
      }),
  };
}

/** Keeps the documents of one record; call it in the transaction that settles its number. */
function keepDocuments(db: Database): (agent: string, record: Documents) => void {
  // A policy may have become narrower while the records of one run were on their way: the earliest end counts.
  const note = command(
    db,
    `INSERT INTO tracked_runs VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (run, agent) DO UPDATE SET until = min(until, ?3), beyond = max(beyond, ?4)`,
  );
  // After an agent's database went back to an earlier state, the same documents may come under other numbers.
  const insert = command(
    db,
    "INSERT INTO tracked_documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  return (agent, { runId, until, beyond, file: { name, directory }, fileNumber, documents }) => {
    note(runId, agent, Date.parse(until), beyond);
    for (const { row, result, fields, cut = [] } of documents) {
      const texts = [JSON.stringify(fields), JSON.stringify(cut)] as const;
      insert(runId, agent, fileNumber, row, name, directory, result, ...texts);
    }
  };
}
