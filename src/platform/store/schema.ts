/** The tables of the platform; see `migrate` of `base/sqlite.ts`. A released step is never edited. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE agents (
    uid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_seen INTEGER,
    revoked_at INTEGER,
    capabilities TEXT NOT NULL DEFAULT '0',
    attributes TEXT NOT NULL DEFAULT '{}',
    health TEXT,
    effective TEXT NOT NULL DEFAULT '{}',
    config_hash TEXT NOT NULL DEFAULT '',
    config_status TEXT NOT NULL DEFAULT 'unset',
    config_error TEXT NOT NULL DEFAULT ''
  ) STRICT;

  CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agents (uid),
    pem TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT;
  CREATE INDEX certificates_by_agent ON certificates (agent);

  CREATE TABLE enrolments (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    name TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    public_key TEXT,
    answer TEXT
  ) STRICT;

  CREATE TABLE processes (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    for_all INTEGER NOT NULL,
    removed_at INTEGER
  ) STRICT;
  CREATE TABLE process_versions (
    process TEXT NOT NULL REFERENCES processes (name),
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    definition TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    published_by TEXT NOT NULL,
    PRIMARY KEY (process, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE assignments (
    process TEXT NOT NULL REFERENCES processes (name),
    agent TEXT NOT NULL REFERENCES agents (uid),
    PRIMARY KEY (process, agent)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE streams (
    agent TEXT NOT NULL REFERENCES agents (uid),
    stream TEXT NOT NULL,
    through INTEGER NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (agent, stream)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE batches (
    agent TEXT NOT NULL,
    stream TEXT NOT NULL,
    through INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (agent, stream, through)
  ) STRICT;
  CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agents (uid),
    process TEXT NOT NULL,
    version TEXT NOT NULL,
    definition TEXT NOT NULL,
    trigger TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    documents_in INTEGER NOT NULL DEFAULT 0,
    documents_out INTEGER NOT NULL DEFAULT 0,
    documents_filtered INTEGER NOT NULL DEFAULT 0,
    documents_failed INTEGER NOT NULL DEFAULT 0,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    file_count INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    files TEXT NOT NULL DEFAULT '[]'
  ) STRICT;
  CREATE INDEX runs_by_start ON runs (started_at, id);
  CREATE INDEX runs_by_end ON runs (ended_at);
  CREATE TABLE run_files (
    run TEXT NOT NULL,
    agent TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (run, agent, stream, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
  ) STRICT;
  `,
  // SHA-256 of the SubjectPublicKeyInfo, hex; of certificates that are older than the column it is not known.
  "ALTER TABLE certificates ADD COLUMN public_key TEXT",
  // Whoever had a token before there were rights could do everything.
  `ALTER TABLE tokens ADD COLUMN rights TEXT NOT NULL DEFAULT '["administer","logs","errors","schema","data"]'`,
];
