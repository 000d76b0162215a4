import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue } from "node:sqlite";
import { SallyportError } from "./errors.ts";

export type Database = DatabaseSync;

/** One row as SQLite gives it. */
export type Row = Record<string, null | number | bigint | string | Uint8Array>;

/**
 * Opens a database the way all of ours are opened: WAL, so that two processes can share it, and
 * `synchronous=FULL`, so that a commit survives a power cut.
 *
 * @throws {SallyportError} `state.unreadable` when the file is not a sound SQLite database.
 */
export function openDatabase(path: string): Database {
  try {
    const db = new DatabaseSync(path, { timeout: 5_000 });
    // Prepared and first, because of what exec() finds the runtime does not tell the code.
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
    );
    return db;
  } catch (cause) {
    throw new SallyportError("state.unreadable", `the database ${path} cannot be opened: ${String(cause)}`, {
      cause,
      remedy: "Check the folder's owner and free room. Restore the file from a backup if it is damaged.",
    });
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

/**
 * Brings the tables of one room up to date. `steps[n]` leads from version n to n + 1 and is never edited
 * once released. Rooms share a database without knowing of each other.
 */
export function migrate(db: Database, room: string, steps: readonly string[]): void {
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
    for (const step of steps.slice(version)) db.exec(step);
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
