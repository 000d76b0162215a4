/**
 * Every statement that browsing a SQLite file runs. They read its schema by name and nothing else; the authorizer in
 * `read_only.ts` makes sure of that.
 */
export const STATEMENTS = {
  begin: "BEGIN",
  /** `?1` the name behind which to go on, `?2` how many. */
  tables: "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name > ?1 " +
    "AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name LIMIT ?2",
  columns: 'SELECT name, type, "notnull" AS required, dflt_value AS defaultText, pk, hidden ' +
    "FROM pragma_table_xinfo(?1) ORDER BY cid",
  indexes: 'SELECT name, "unique" AS isUnique, origin, partial FROM pragma_index_list(?1) ORDER BY name',
  indexColumns: "SELECT name FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno",
  foreignKeys: 'SELECT id, "table" AS target, "from" AS source, "to" AS targetColumn ' +
    "FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
  version: "SELECT sqlite_version() AS version",
  end: "ROLLBACK",
} as const;
