import { migrate } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";

const STEPS = [
  `CREATE TABLE engine_runs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    process TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'committing', 'finished')),
    outcome TEXT,
    started_at INTEGER NOT NULL,
    head TEXT NOT NULL,
    folders TEXT NOT NULL,
    plan TEXT,
    record TEXT,
    tracked INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX engine_runs_open ON engine_runs (state) WHERE state <> 'finished';
  CREATE TABLE engine_marks (
    process TEXT NOT NULL,
    path TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (process, path)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE engine_offer (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('applying', 'applied', 'failed')),
    message TEXT NOT NULL
  ) STRICT;
  CREATE TABLE engine_wanted (name TEXT PRIMARY KEY, body TEXT NOT NULL, folders TEXT NOT NULL) STRICT;
  CREATE TABLE engine_processes (
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    definition TEXT NOT NULL,
    body TEXT NOT NULL,
    folders TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'rejected')),
    reason TEXT NOT NULL,
    since INTEGER NOT NULL
  ) STRICT;`,
  `CREATE TABLE engine_redaction (id INTEGER PRIMARY KEY CHECK (id = 1), rules TEXT NOT NULL) STRICT;`,
  `CREATE TABLE engine_log_levels (
    process TEXT PRIMARY KEY,
    level TEXT NOT NULL,
    until INTEGER NOT NULL,
    "by" TEXT NOT NULL
  ) STRICT;`,
  `CREATE TABLE engine_pause (id INTEGER PRIMARY KEY CHECK (id = 1), reason TEXT NOT NULL) STRICT;`,
  `CREATE TABLE engine_data_grant (id INTEGER PRIMARY KEY CHECK (id = 1), allowed TEXT NOT NULL) STRICT;`,
];

/** Brings the engine's tables up to date: the gatehouse half and the engine half both call it. */
export function migrateEngine(db: Database): void {
  migrate(db, "engine", STEPS);
}
