import { basename } from "@std/path";
import type { Database } from "../../base/sqlite.ts";
import { command, hasTable, migrate, query, queryOne } from "../../base/sqlite.ts";

/** A damaged state database that was set aside. */
export interface SetAside {
  /** The name of its file, beside the new one. */
  file: string;
  /** When, milliseconds since 1970 UTC; undefined when the record of it is lost. */
  at?: number;
  /** Why it was taken for damaged. */
  reason: string;
  /** What could not be saved, in words; empty when all could. */
  lost: string;
}

const SCHEMA = [
  `CREATE TABLE salvages (
     file TEXT PRIMARY KEY,
     at INTEGER NOT NULL,
     reason TEXT NOT NULL,
     lost TEXT NOT NULL
   ) STRICT;`,
];

/** Notes what became of a damaged database in the one that takes its place. */
export function noteSalvage(db: Database, { file, at, reason, lost }: Required<SetAside>): void {
  migrate(db, "salvage", SCHEMA);
  command(db, "INSERT OR REPLACE INTO salvages VALUES (?, ?, ?, ?)")(file, at, reason, lost);
}

/** The file that was noted last: the one whose place this database takes. */
export function lastSetAside(db: Database): string | undefined {
  if (!hasTable(db, "salvages")) return undefined;
  return queryOne<{ file: string }>(db, "SELECT file FROM salvages ORDER BY rowid DESC LIMIT 1")()?.file;
}

/** What is known of these files that were set aside; one of which the record was lost says so. */
export function describeSetAside(db: Database, paths: readonly string[]): SetAside[] {
  const noted = hasTable(db, "salvages")
    ? query<SetAside>(db, "SELECT file, at, reason, lost FROM salvages ORDER BY at")()
    : [];
  return paths.map((path) => basename(path)).map((file) =>
    noted.find((each) => each.file === file) ?? { file, reason: "the record of it is lost", lost: "unknown" }
  );
}

/** One of them in a sentence. */
export function setAsideText({ file, reason, lost }: SetAside): string {
  return `${file} holds a state database that was damaged (${reason}); ${
    lost === "" ? "all of it could be saved" : `not saved: ${lost}`
  }`;
}
