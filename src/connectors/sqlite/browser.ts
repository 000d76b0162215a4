import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import * as z from "zod";
import { messageOf, SallyportError } from "../../base/errors.ts";
import { checkFolder, folderSchema } from "../../engine/paths.ts";
import type { SchemaPart } from "../../protocol/payloads/schema.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery, BrowserKind } from "../browse/browser.ts";
import { columnName, commentOf, given, nameOf, namesOf } from "../browse/parts.ts";
import { openForSchema } from "./read_only.ts";
import { STATEMENTS } from "./statements.ts";

const configSchema = z.strictObject({
  file: folderSchema.meta({ description: "A database file below data/, such as shop/orders.db" }),
});
type SqliteConfig = z.output<typeof configSchema>;

/** Tables that are asked for at a time. */
const TABLES_AT_A_TIME = 200;
/** SQLite gives the names of its catalogs itself; this is the file's own. */
const SCHEMA = "main";

/** A SQLite file below `data/`, opened to be read only. */
export const sqliteBrowser: BrowserKind<SqliteConfig> = {
  name: "sqlite",
  configSchema,
  // The log and the index beside it hold what was committed last.
  needs: ({ file }) => ({ hosts: [], paths: ["", "-wal", "-shm"].map((suffix) => file + suffix) }),
  browse,
};

async function* browse(
  { file }: SqliteConfig,
  query: BrowseQuery,
  { dataFolder }: BrowseContext,
): AsyncGenerator<BrowsedThing> {
  await checkFolder(dataFolder, file);
  const db = open(`${dataFolder}/${file}`, file);
  try {
    const reader = new SchemaReader(db, query);
    if (query.after === undefined && query.matches([SCHEMA])) yield reader.catalog(file);
    for (const table of reader.tables(query.after?.[1] ?? "")) {
      if (query.signal.aborted) return;
      if (query.matches([SCHEMA, table.name])) yield reader.describe(table);
    }
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw unreadable(file, cause);
  } finally {
    db.close();
  }
}

function open(path: string, file: string): DatabaseSync {
  try {
    Deno.statSync(path); // SQLite would only say that it cannot open it
    const db = openForSchema(path);
    db.prepare(STATEMENTS.begin).run(); // one state of the file for the whole page
    db.prepare(STATEMENTS.tables).get("", 1);
    return db;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): SallyportError {
  return new SallyportError("schema.unreadable", `data/${file} cannot be read as a SQLite database`, {
    cause: new Error(messageOf(cause)),
    remedy: "Check that the file is there, that it is a SQLite database, and its owner and mode.",
  });
}

interface Table {
  name: string;
  type: "table" | "view";
}

/** What SQLite tells, as records. */
class SchemaReader {
  readonly #db: DatabaseSync;
  readonly #query: BrowseQuery;
  readonly #statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  constructor(db: DatabaseSync, query: BrowseQuery) {
    this.#db = db;
    this.#query = query;
  }

  catalog(file: string): BrowsedThing {
    const [row] = this.#all<{ version: string }>(STATEMENTS.version);
    return {
      names: [SCHEMA],
      parts: [{ kind: "catalog", name: nameOf(file), product: `SQLite, read by ${row!.version}` }],
    };
  }

  *tables(after: string): Generator<Table> {
    for (;;) {
      const tables = this.#all<Table>(STATEMENTS.tables, after, TABLES_AT_A_TIME);
      yield* tables;
      if (tables.length < TABLES_AT_A_TIME) return;
      after = tables.at(-1)!.name;
    }
  }

  describe({ name, type }: Table): BrowsedThing {
    const names = [SCHEMA, name];
    const head = { kind: type, parent: [SCHEMA], name: nameOf(name) };
    try {
      return { names, parts: [head, ...this.#parts(name, type)] };
    } catch {
      // A view over a table that is gone, or a module that is not built in.
      return { names, parts: [{ ...head, problem: "unreadable" }] };
    }
  }

  #parts(table: string, type: Table["type"]): SchemaPart[] {
    const parent = namesOf([SCHEMA, table]);
    const columns = this.#all<ColumnRow>(STATEMENTS.columns, table);
    const primary = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk).map(({ name }) => name);
    return [
      ...columns.map((row, i): SchemaPart => ({
        kind: "column",
        parent,
        name: columnName(row.name, type),
        position: i + 1,
        type: nameOf(row.type || "any"),
        nullable: row.required === 0 && row.pk === 0,
        ...row.hidden > 1 ? { generated: true as const } : {},
        ...this.#query.include.has("defaults") && row.defaultText !== null
          ? { default: commentOf(row.defaultText) }
          : {},
      })),
      ...primary.length > 0
        ? [{ kind: "key", parent, name: "PRIMARY KEY", primary: true, columns: namesOf(primary) } as const]
        : [],
      ...this.#indexes(table, parent),
      ...this.#foreignKeys(table, parent),
    ];
  }

  #indexes(table: string, parent: string[]): SchemaPart[] {
    return this.#all<IndexRow>(STATEMENTS.indexes, table).flatMap((index): SchemaPart[] => {
      if (index.origin === "pk") return []; // it is told as the key
      const rows = this.#all<{ name: string | null }>(STATEMENTS.indexColumns, index.name);
      const columns = rows.map(({ name }) => name === null ? null : nameOf(name));
      const name = nameOf(index.name);
      if (index.origin === "u") {
        return [{
          kind: "key",
          parent,
          name,
          primary: false,
          columns: columns.filter((name) => name !== null),
        }];
      }
      const partial = index.partial === 1 || undefined;
      return [{
        kind: "index",
        parent,
        name,
        unique: index.isUnique === 1,
        columns,
        ...given("partial", partial),
      }];
    });
  }

  #foreignKeys(table: string, parent: string[]): SchemaPart[] {
    const rows = this.#all<ForeignKeyRow>(STATEMENTS.foreignKeys, table);
    return Object.values(Object.groupBy(rows, ({ id }) => id)).map((group) => ({
      kind: "foreign-key",
      parent,
      name: `foreign key ${group![0]!.id + 1}`,
      columns: namesOf(group!.map(({ source }) => source)),
      references: {
        table: namesOf([SCHEMA, group![0]!.target]),
        // Absent where the definition names the other table only, and so means its primary key.
        columns: namesOf(group!.flatMap(({ targetColumn }) => targetColumn ?? [])),
      },
    }));
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement.all(...values) as T[];
  }
}

interface ColumnRow {
  name: string;
  type: string;
  required: number;
  defaultText: string | null;
  pk: number;
  /** 0 plain, 1 of a virtual table and hidden, 2 and 3 generated. */
  hidden: number;
}

interface IndexRow {
  name: string;
  isUnique: number;
  /** `c` by CREATE INDEX, `u` by a UNIQUE constraint, `pk` by the primary key. */
  origin: string;
  partial: number;
}

interface ForeignKeyRow {
  id: number;
  target: string;
  source: string;
  targetColumn: string | null;
}
