import { DatabaseSync } from "node:sqlite";

/** What a statement is about to do (https://sqlite.org/c3ref/c_alter_table.html), and what it may be answered. */
const PRAGMA = 19;
const READ = 20;
const SELECT = 21;
const TRANSACTION = 22;
const FUNCTION = 31;
const RECURSIVE = 33;
const OK = 0;
const DENY = 1;
/** The column reads as NULL. */
const IGNORE = 2;

/** What the runtime has beyond its types. */
interface Guarded extends DatabaseSync {
  setAuthorizer(authorize: (action: number, first: string | null) => number): void;
}

/** The pragmas that browsing asks, and what it may read: the schema, and those pragmas as tables. */
const PRAGMAS = ["table_xinfo", "index_list", "index_xinfo", "foreign_key_list"];
const READABLE = new Set(["sqlite_schema", "sqlite_master", ...PRAGMAS.map((name) => `pragma_${name}`)]);

/** How long a writer may hold the file, in milliseconds. */
const BUSY_MS = 2_000;

/**
 * Opens a file only to tell its schema. SQLite itself asks here before it compiles a statement
 * (https://sqlite.org/c3ref/set_authorizer.html): a column of any table but the schema's reads as NULL, so not even a
 * statement that was meant to could give a row's value.
 */
export function openForSchema(path: string): DatabaseSync {
  // `defensive` and the authorizer are in the runtime, and not in its types.
  const options = {
    readOnly: true,
    allowExtension: false,
    defensive: true,
    timeout: BUSY_MS,
  };
  const db = new DatabaseSync(path, options) as Guarded;
  db.exec("PRAGMA trusted_schema = OFF");
  db.setAuthorizer(authorize);
  return db;
}

function authorize(action: number, first: string | null): number {
  switch (action) {
    case READ:
      return READABLE.has(first!) ? OK : IGNORE;
    case PRAGMA:
      return PRAGMAS.includes(first!) ? OK : DENY;
    // To tell the columns of a view, SQLite compiles it, and runs nothing.
    case SELECT:
    case FUNCTION:
    case RECURSIVE:
    case TRANSACTION:
      return OK;
    default:
      return DENY;
  }
}
