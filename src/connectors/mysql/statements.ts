/** As many tables as are listed at a time. */
export const LISTED_AT_A_TIME = 1_000;

/**
 * Every statement that browsing MariaDB or MySQL runs, and the only ones: constants, whose values are parameters. All
 * read `information_schema`, in a transaction that cannot write. Left out are what a value may stand in: expressions of
 * indexes, check constraints, the text of views; and, unless asked for, defaults, comments and labels.
 *
 * Names are compared as bytes: two tables may differ in case only, and the order must be one that goes on anywhere. A
 * table is described by itself, because servers open all tables of a schema unless both its names are given.
 */
export const STATEMENTS = {
  version: "SELECT VERSION() AS version",
  limitLocks: "SET SESSION lock_wait_timeout = 2",
  /** In seconds; of MariaDB. */
  limitTime: "SET SESSION max_statement_time = 30",
  /** In milliseconds; of MySQL. */
  limitTimeOfMySql: "SET SESSION max_execution_time = 30000",
  begin: "START TRANSACTION READ ONLY",
  end: "ROLLBACK",

  schemas: `
    SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA
    WHERE SCHEMA_NAME NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
      AND CAST(SCHEMA_NAME AS BINARY) >= CAST(? AS BINARY)
    ORDER BY CAST(SCHEMA_NAME AS BINARY)`,

  /** The schema, and the name behind which to go on. */
  tables: `
    SELECT TABLE_NAME AS name, TABLE_TYPE LIKE '%VIEW' AS isView FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = ? AND CAST(TABLE_NAME AS BINARY) > CAST(? AS BINARY)
    ORDER BY CAST(TABLE_NAME AS BINARY) LIMIT ${LISTED_AT_A_TIME}`,

  /** Of these and all below, the parameters are the names of schema and table. */
  columns: `
    SELECT COLUMN_NAME AS name, IF(DATA_TYPE IN ('enum', 'set'), DATA_TYPE, COLUMN_TYPE) AS type,
      IS_NULLABLE = 'YES' AS nullable,
      EXTRA LIKE '%auto_increment%' OR COALESCE(GENERATION_EXPRESSION, '') <> '' AS isGenerated
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,

  indexes: `
    SELECT INDEX_NAME AS name, NON_UNIQUE = 0 AS isUnique, COLUMN_NAME AS columnName
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
    ORDER BY NON_UNIQUE, INDEX_NAME, SEQ_IN_INDEX`,

  foreignKeys: `
    SELECT CONSTRAINT_NAME AS name, COLUMN_NAME AS columnName, REFERENCED_TABLE_SCHEMA AS targetSchema,
      REFERENCED_TABLE_NAME AS target, REFERENCED_COLUMN_NAME AS targetColumn
    FROM information_schema.KEY_COLUMN_USAGE
    WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL
    ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION`,

  defaults: `
    SELECT COLUMN_NAME AS name, COLUMN_DEFAULT AS text
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_DEFAULT IS NOT NULL`,

  comments: `
    SELECT COLUMN_NAME AS name, COLUMN_COMMENT AS text
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_COMMENT <> ''`,

  tableComment: `
    SELECT TABLE_COMMENT AS text
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_COMMENT NOT IN ('', 'VIEW')`,

  labels: `
    SELECT COLUMN_NAME AS name, COLUMN_TYPE AS text
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND DATA_TYPE IN ('enum', 'set')`,
} as const;

export type Statement = keyof typeof STATEMENTS;
