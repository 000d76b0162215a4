import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue } from "node:sqlite";
import { isDiskFull, SallyportError } from "./errors.ts";

export type Database = DatabaseSync;

/** One row as SQLite gives it. */
export type Row = Record<string, null | number | bigint | string | Uint8Array>;

const SETTINGS = [
  "auto_vacuum = INCREMENTAL",
  "journal_mode = WAL",
  "synchronous = FULL",
  "foreign_keys = ON",
  "trusted_schema = OFF",
];

/**
 * Opens a database the way all of ours are opened: WAL, so that two processes can share it,
 * `synchronous=FULL`, so that a commit survives a power cut, and, for new ones, `auto_vacuum=INCREMENTAL`, so that
 * the room of what is removed can be given back to the disk (`VACUUM` is not possible under our permissions).
 *
 * @throws {SallyportError} `state.unreadable` when the file is not a sound SQLite database, `disk.full` when it is for
 * want of room that it cannot be opened.
 */
export function openDatabase(path: string): Database {
  try {
    const db = new DatabaseSync(path, { timeout: 5_000 });
    // Prepared, because of what exec() finds the runtime does not tell the code.
    for (const setting of SETTINGS) db.prepare(`PRAGMA ${setting}`).get();
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return db;
  } catch (cause) {
    if (isDiskFull(cause)) {
      throw new SallyportError("disk.full", `the database ${path} cannot be opened: ${String(cause)}`, {
        cause,
        retryable: true,
        remedy: "Free some room on its file system: to open it takes some.",
      });
    }
    throw new SallyportError("state.unreadable", `the database ${path} cannot be opened: ${String(cause)}`, {
      cause,
      remedy: "Check the folder's owner and free room. Restore the file from a backup if it is damaged.",
    });
  }
}

/**
 * Opens a database that is only to be looked at, such as a copy from another machine.
 *
 * @throws {SallyportError} `source.unreadable` when there is no sound SQLite database.
 */
export function openReadOnly(path: string): Database {
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    db.exec("PRAGMA trusted_schema = OFF");
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return db;
  } catch (cause) {
    throw new SallyportError(
      "source.unreadable",
      `${path} cannot be opened as a database: ${String(cause)}`,
      {
        cause,
        remedy: "Put the whole file, with its -wal file if there is one, into a folder that may be written.",
      },
    );
  }
}

/**
 * Runs `body` in one transaction that takes the write lock at once (so that it cannot fail half-way for want
 * of it), and rolls back when it throws. Inside another transaction it is a part of that one, which must then
 * be given up with it.
 */
export function transaction<T>(db: Database, body: () => T): T {
  if (db.isTransaction) return body();
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    // Prepared, because of a commit by exec() the runtime does not tell the code with which it failed.
    db.prepare("COMMIT").run();
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** The table that says in which version the tables of each room are. */
export const VERSIONS_TABLE = "schema_versions";

/** One step of a room's tables: SQL, or a function where SQL does not reach. */
export type MigrationStep = string | ((db: Database) => void);

/**
 * Brings the tables of one room up to date. `steps[n]` leads from version n to n + 1 and is never edited
 * once released. Rooms share a database without knowing of each other.
 */
export function migrate(db: Database, room: string, steps: readonly MigrationStep[]): void {
  db.exec(`CREATE TABLE IF NOT EXISTS ${VERSIONS_TABLE} (room TEXT PRIMARY KEY, version INTEGER NOT NULL)`);
  const current = () =>
    Number(db.prepare(`SELECT version FROM ${VERSIONS_TABLE} WHERE room = ?`).get(room)?.version ?? 0);
  if (current() === steps.length) return;
  transaction(db, () => {
    const version = current();
    if (version > steps.length) {
      throw new SallyportError(
        "state.unreadable",
        `the tables of "${room}" are at version ${version}, but this program knows only ${steps.length}`,
        { remedy: "They were written by a newer version: run that one, or restore an older backup." },
      );
    }
    for (const step of steps.slice(version)) {
      if (typeof step === "string") db.exec(step);
      else step(db);
    }
    db.prepare(`INSERT INTO ${VERSIONS_TABLE} VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = ?2`)
      .run(room, steps.length);
  });
}

/** Whether a table is there: a reader cannot count on it before its writer has run. */
export function hasTable(db: Database, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

/** Whether an error comes from the database itself: a full disk, a lock that is held for too long, a damaged file. */
export function isDatabaseError(thrown: unknown): boolean {
  return (thrown as { code?: unknown } | undefined)?.code === "ERR_SQLITE_ERROR";
}

/** A function that runs one prepared statement and returns all its rows, typed by the caller. */
export function query<T>(db: Database, sql: string): (...values: SQLInputValue[]) => T[] {
  const statement = db.prepare(sql);
  return (...values) => statement.all(...values) as T[];
}

/** As {@linkcode query}, for statements that give one row or none. */
export function queryOne<T>(db: Database, sql: string): (...values: SQLInputValue[]) => T | undefined {
  const statement = db.prepare(sql);
  return (...values) => statement.get(...values) as T | undefined;
}

/** As {@linkcode query}, for statements that change rows; returns how many they changed. */
export function command(db: Database, sql: string): (...values: SQLInputValue[]) => number {
  const statement = db.prepare(sql);
  return (...values) => Number(statement.run(...values).changes);
}

const PAGE_ROWS = 64;

/**
 * The rows of a query one after another, without ever holding more than a few. The runtime's own `iterate()` is not
 * for us: at a row that cannot be read it ends as if there were no more (seen with Deno 2.9.6 and 2.7.11). Here
 * the rows before come first, and then the error.
 *
 * @param sql gives rows in the order of a whole-numbered key: those behind `?1`, and no more than `?2`
 */
export function* rowsInTurn<T>(
  db: Database,
  sql: string,
  keyOf: (row: T) => number,
  after = Number.MIN_SAFE_INTEGER,
): Generator<T> {
  const read = query<T>(db, sql);
  for (let limit = PAGE_ROWS;;) {
    let rows: T[];
    try {
      rows = read(after, limit);
    } catch (error) {
      if (limit === 1) throw error;
      limit = 1;
      continue;
    }
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    after = keyOf(last);
  }
}
