/**
 * Every statement that browsing PostgreSQL (12 and later) runs, and the only ones: constants, whose values are
 * parameters. All read catalogs of the system, in a transaction that cannot write. Left out are what a value may stand
 * in: expressions and conditions of indexes, check constraints, bounds of partitions, the text of views; and, unless
 * asked for, defaults, comments and labels.
 */
export const STATEMENTS = {
  begin: "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
  limitTime: "SET LOCAL statement_timeout = '30s'",
  limitLocks: "SET LOCAL lock_timeout = '2s'",
  /** Nobody's function or type can stand in for one of the system's, and types of others are told with their schema. */
  limitNames: "SET LOCAL search_path = pg_catalog",
  end: "ROLLBACK",

  catalog: "SELECT current_database() AS name, current_setting('server_version') AS version",

  /** `$1` the first name that is wanted. */
  schemas: `
    SELECT n.oid, n.nspname AS name FROM pg_namespace n
    WHERE n.nspname >= $1::name AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND has_schema_privilege(n.oid, 'USAGE')
    ORDER BY n.nspname`,

  /** `$1` the schema, `$2` the name behind which to go on, `$3` how many. Partitions are their table's. */
  tables: `
    SELECT c.oid, c.relname AS name, c.relkind IN ('v', 'm') AS "isView" FROM pg_class c
    WHERE c.relnamespace = $1 AND c.relname > $2::name AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND NOT c.relispartition
      AND has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
    ORDER BY c.relname LIMIT $3`,

  /** Of these and all below, `$1` is the tables. */
  columns: `
    SELECT a.attrelid AS "table", a.attnum AS number, a.attname AS name,
      format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
      a.attidentity <> '' OR a.attgenerated <> '' AS generated
    FROM pg_attribute a
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege(a.attrelid, a.attnum, 'SELECT, INSERT, UPDATE, REFERENCES')
    ORDER BY a.attrelid, a.attnum`,

  constraints: `
    SELECT k.conrelid AS "table", k.conname AS name, k.contype AS type,
      (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u (number, n)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
      t.relname AS target, s.nspname AS "targetSchema",
      (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u (number, n)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS "targetColumns"
    FROM pg_constraint k
      LEFT JOIN pg_class t ON t.oid = k.confrelid LEFT JOIN pg_namespace s ON s.oid = t.relnamespace
    WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('p', 'u', 'f')
    ORDER BY k.conrelid, k.contype = 'f', k.contype, k.conname`,

  /** Those that no key stands for. */
  indexes: `
    SELECT i.indrelid AS "table", c.relname AS name, i.indisunique AS "isUnique",
      i.indpred IS NOT NULL AS "isPartial",
      (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (number, n)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number AND u.number > 0
        WHERE u.n <= i.indnkeyatts) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY ($1::oid[]) AND NOT EXISTS
      (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
    ORDER BY i.indrelid, c.relname`,

  defaults: `
    SELECT d.adrelid AS "table", d.adnum AS number, pg_get_expr(d.adbin, d.adrelid) AS text
    FROM pg_attrdef d WHERE d.adrelid = ANY ($1::oid[])`,

  /** Number 0 is the table itself. */
  comments: `
    SELECT d.objoid AS "table", d.objsubid AS number, d.description AS text
    FROM pg_description d WHERE d.classoid = 'pg_class'::regclass AND d.objoid = ANY ($1::oid[])`,

  schemaComments: `
    SELECT d.description AS text
    FROM pg_description d WHERE d.classoid = 'pg_namespace'::regclass AND d.objoid = $1`,

  labels: `
    SELECT a.attrelid AS "table", a.attnum AS number, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
    FROM pg_attribute a JOIN pg_enum e ON e.enumtypid = a.atttypid
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY a.attrelid, a.attnum`,
} as const;

export type Statement = keyof typeof STATEMENTS;
