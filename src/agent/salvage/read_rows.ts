import { DatabaseSync } from "node:sqlite";
import type { DatabaseSyncOptions, SQLInputValue } from "node:sqlite";
import { isDatabaseDamage } from "../../base/errors.ts";
import type { Database, Row } from "../../base/sqlite.ts";
import { query } from "../../base/sqlite.ts";

/** A table of a damaged database. */
export interface DamagedTable {
  name: string;
  /** What makes it. */
  sql: string;
  columns: string[];
  /** What rows are ordered by: the columns of the primary key, or the row id. */
  key: string[];
}

/** How many rows are read at once while all goes well. */
const BLOCK = 256;
/** Behind a row that cannot be read, numbers are tried in steps of about a page, and so many of them … */
const STEP = 64n;
const STEPS = 1_000;
/** … and then in steps that double, up to here. */
const MAX_STEP = 2n ** 40n;
const MAX_NUMBER = 2n ** 63n - 1n;

/** What the schema of a damaged database says. */
export interface DamagedSchema {
  tables: DamagedTable[];
  /** What makes its indexes and triggers. */
  rest: string[];
  /** Whether all of it could be read. */
  isWhole: boolean;
}

/**
 * Opens a damaged database to be read, and nothing else. SQLite refuses every statement while a part of the schema
 * cannot be read, unless it is told that somebody wants to repair it.
 */
export function openDamaged(path: string): Database {
  // The types do not know the runtime's option yet.
  const db = new DatabaseSync(
    path,
    { readOnly: true, timeout: 5_000, defensive: false } as DatabaseSyncOptions,
  );
  db.exec("PRAGMA writable_schema = ON");
  return db;
}

/** Reads the schema as far as SQLite can. */
export function readableSchema(db: Database): DamagedSchema {
  const schema: DamagedSchema = { tables: [], rest: [], isWhole: false };
  const own = { name: "sqlite_schema", sql: "", columns: ["type", "name", "sql"], key: ["rowid"] };
  const rows = readableRows(db, own);
  for (;;) {
    const { done, value } = rows.next();
    if (done) return { ...schema, isWhole: value };
    const { type, name, sql } = value;
    if (typeof name !== "string" || typeof sql !== "string" || name.startsWith("sqlite_")) continue;
    if (type !== "table") schema.rest.push(sql);
    else {
      const columns = columnsOf(db, name);
      const primary = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
      const key = /WITHOUT\s+ROWID/i.test(sql) ? primary.map((column) => column.name) : ["rowid"];
      schema.tables.push({ name, sql, columns: columns.map((column) => column.name), key });
    }
  }
}

/** The columns of a table, and their places in its primary key; none when there is no such table. */
export function columnsOf(db: Database, table: string): { name: string; pk: number }[] {
  return query<{ name: string; pk: number }>(db, "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid")(
    table,
  );
}

/** Whether SQLite finds nothing wrong with a table: rows that are not in order are passed over without an error. */
export function isSound(db: Database, { name }: DamagedTable): boolean {
  try {
    const [row] = query<Record<string, string>>(db, `PRAGMA quick_check(${quoted(name)})`)();
    return row !== undefined && Object.values(row)[0] === "ok";
  } catch (error) {
    if (isDatabaseDamage(error)) return false;
    throw error;
  }
}

/**
 * The rows of a table as far as SQLite can read them: from the first on, past what is damaged where the last column
 * of the key is a number, and then from the end back to where it came. Rows may come twice, and where keys are not in
 * order it must not go round in circles: from no key it goes on a second time.
 *
 * @returns whether the table was read without meeting any damage
 */
export function* readableRows(db: Database, table: DamagedTable): Generator<Row, boolean> {
  const reader = new Reader(db, table);
  const visited = new Set<string>();
  const isNew = (key: SQLInputValue[]) => visited.size < visited.add(key.join("\0")).size;
  let after: SQLInputValue[] | undefined;
  let isWhole = true;
  for (;;) {
    const rows = reader.behind(after, BLOCK) ?? reader.behind(after, 1);
    if (rows?.length === 0) return isWhole;
    if (rows) {
      yield* rows;
      after = reader.keyOf(rows.at(-1)!);
      if (isNew(after)) continue;
      break;
    }
    isWhole = false;
    const beyond = after && reader.beyondDamage(after);
    if (!beyond || !isNew(beyond)) break;
    after = beyond;
  }
  visited.clear();
  let before: SQLInputValue[] | undefined;
  for (;;) {
    const rows = reader.before(before, after);
    if (!rows || rows.length === 0) return false;
    yield* rows;
    before = reader.keyOf(rows[0]!);
    if (!isNew(before)) return false;
  }
}

/** Reads by the key; undefined stands for what cannot be read. */
class Reader {
  readonly #db: Database;
  readonly #table: DamagedTable;

  constructor(db: Database, table: DamagedTable) {
    this.#db = db;
    this.#table = table;
  }

  keyOf(row: Row): SQLInputValue[] {
    return this.#table.key.map((column) => row[column]!);
  }

  /** The rows behind a key, in order. */
  behind(after: SQLInputValue[] | undefined, limit: number): Row[] | undefined {
    return this.#select(
      after === undefined ? "" : `WHERE ${this.#tuple} > ${marks(after)}`,
      "ASC",
      limit,
      after,
    );
  }

  /** The last row before a key and behind another. */
  before(before: SQLInputValue[] | undefined, after: SQLInputValue[] | undefined): Row[] | undefined {
    const conditions = [
      ...before ? [`${this.#tuple} < ${marks(before)}`] : [],
      ...after ? [`${this.#tuple} > ${marks(after)}`] : [],
    ];
    const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
    return this.#select(where, "DESC", 1, [...before ?? [], ...after ?? []]);
  }

  /** The last key, at or behind this one, from which the row that follows cannot be read. */
  beyondDamage(after: SQLInputValue[]): SQLInputValue[] | undefined {
    const last = after.at(-1);
    if (typeof last !== "number" && typeof last !== "bigint") return undefined;
    const at = (number: bigint) => [...after.slice(0, -1), number];
    // On a damaged page, a number may be as large as they get.
    const canRead = (number: bigint) => number <= MAX_NUMBER && (this.behind(at(number), 1)?.length ?? 0) > 0;
    let bad = BigInt(last);
    let step = 1n;
    for (let tries = 0; !canRead(bad + step); tries++) {
      bad += step;
      if (step < STEP || tries > STEPS) step *= 2n;
      if (step > MAX_STEP) return undefined;
    }
    let good = bad + step;
    while (good - bad > 1n) {
      const middle = (good + bad) / 2n;
      if (canRead(middle)) good = middle;
      else bad = middle;
    }
    return at(good);
  }

  get #tuple(): string {
    return `(${this.#table.key.map(quoted).join(", ")})`;
  }

  #select(where: string, order: string, limit: number, values: SQLInputValue[] = []): Row[] | undefined {
    const { name, columns, key } = this.#table;
    // The row id would come under the name of the column that stands for it.
    const wanted = [...new Set([...key, ...columns])].map((column) =>
      `${quoted(column)} AS ${quoted(column)}`
    );
    const by = key.map((column) => `${quoted(column)} ${order}`).join(", ");
    try {
      const statement = this.#db.prepare(
        `SELECT ${wanted.join(", ")} FROM ${quoted(name)} ${where} ORDER BY ${by} LIMIT ${limit}`,
      );
      statement.setReadBigInts(true);
      return statement.all(...values) as Row[];
    } catch (error) {
      if (isDatabaseDamage(error)) return undefined;
      throw error;
    }
  }
}

function marks(values: readonly unknown[]): string {
  return `(${values.map(() => "?").join(", ")})`;
}

/** A name in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
