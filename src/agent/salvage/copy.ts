import type { SQLInputValue } from "node:sqlite";
import { isDatabaseDamage } from "../../base/errors.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, transaction, VERSIONS_TABLE } from "../../base/sqlite.ts";
import type { DamagedSchema, DamagedTable } from "./read_rows.ts";
import { columnsOf, isSound, quoted, readableRows, readableSchema } from "./read_rows.ts";

/** What became of one table. */
export interface CopiedTable {
  name: string;
  rows: number;
  /** Whether all that it held was read and taken over. */
  isWhole: boolean;
}

/** What became of a database. */
export interface Copied {
  tables: CopiedTable[];
  /** Whether these are all the tables that it had. */
  isComplete: boolean;
}

/** Of the result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE_ERROR = 1;
const SQLITE_CONSTRAINT = 19;

/**
 * Takes over what can be read of a damaged database into a new and empty one. The new one gets the tables of the old.
 * If not all can be made again, or if those that say in which versions they are cannot be read, it gets the tables of
 * this program, made by `makeTables`, and of the old ones the columns that both have. Foreign keys must be off.
 */
export function copyReadable(from: Database, to: Database, makeTables: (db: Database) => void): Copied {
  let schema: DamagedSchema;
  try {
    schema = readableSchema(from);
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error;
    schema = { tables: [], rest: [], isWhole: false };
  }
  const tables = copyAsItIs(from, to, schema) ?? copyIntoCurrent(from, to, schema.tables, makeTables);
  return { tables, isComplete: schema.isWhole };
}

/** Undefined when the old tables cannot be made again as they were. */
function copyAsItIs(from: Database, to: Database, schema: DamagedSchema): CopiedTable[] | undefined {
  const versions = schema.tables.find(({ name }) => name === VERSIONS_TABLE);
  if (!schema.isWhole || !versions || !isReadable(from, versions)) return undefined;
  try {
    return transaction(to, () => {
      for (const { sql } of schema.tables) to.exec(sql);
      const copied = schema.tables.map((table) => copyTable(from, to, table));
      for (const sql of schema.rest) to.exec(sql);
      return copied;
    });
  } catch (error) {
    if (codeOf(error) !== SQLITE_ERROR) throw error; // of what makes a table, a damaged page may show anything
    return undefined;
  }
}

function copyIntoCurrent(
  from: Database,
  to: Database,
  tables: readonly DamagedTable[],
  makeTables: (db: Database) => void,
): CopiedTable[] {
  makeTables(to);
  return transaction(to, () =>
    tables.filter(({ name }) => name !== VERSIONS_TABLE).map((table) => {
      const wanted = columnsOf(to, table.name).map(({ name }) => name);
      const columns = table.columns.filter((name) => wanted.includes(name));
      return copyTable(from, to, { ...table, columns });
    }));
}

function isReadable(db: Database, table: DamagedTable): boolean {
  const rows = readableRows(db, table);
  for (;;) {
    const { done, value } = rows.next();
    if (done) return value;
  }
}

function copyTable(from: Database, to: Database, table: DamagedTable): CopiedTable {
  const { name, columns } = table;
  if (columns.length === 0) return { name, rows: 0, isWhole: false };
  const insert = command(
    to,
    `INSERT OR REPLACE INTO ${quoted(name)} (${columns.map(quoted).join(", ")})
     VALUES (${columns.map(() => "?").join(", ")})`,
  );
  const rows = readableRows(from, table);
  let copied = 0;
  let fits = true;
  for (;;) {
    const { done, value } = rows.next();
    if (done) return { name, rows: copied, isWhole: fits && value && isSound(from, table) };
    try {
      insert(...columns.map((column) => value[column] as SQLInputValue));
      copied++;
    } catch (error) {
      // What a damaged page shows need not be what its table allows.
      if (codeOf(error) !== SQLITE_CONSTRAINT) throw error;
      fits = false;
    }
  }
}

/** The result code without what extends it. */
function codeOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}
