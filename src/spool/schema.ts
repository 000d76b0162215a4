/** The tables of the spool; see `migrate` of `base/sqlite.ts`. A released step is never edited. */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE spool_channels (
     channel TEXT PRIMARY KEY,
     stream TEXT NOT NULL,
     last INTEGER NOT NULL DEFAULT 0,
     sent INTEGER NOT NULL DEFAULT 0,
     waiting INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE spool (
     channel TEXT NOT NULL,
     seq INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     put_at INTEGER NOT NULL,
     payload TEXT NOT NULL,
     PRIMARY KEY (channel, seq)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE spool_gaps (
     channel TEXT NOT NULL,
     seq INTEGER NOT NULL,
     reason TEXT NOT NULL,
     records INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     first INTEGER,
     last INTEGER NOT NULL,
     PRIMARY KEY (channel, seq)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE spool_quarantine (
     channel TEXT NOT NULL,
     seq INTEGER NOT NULL,
     payload ANY,
     reason TEXT NOT NULL,
     found_at INTEGER NOT NULL,
     PRIMARY KEY (channel, seq)
   ) STRICT, WITHOUT ROWID;`,
];
