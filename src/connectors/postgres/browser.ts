import * as z from "zod";
import type { SchemaPart } from "../../protocol/payloads/schema.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery, BrowserKind } from "../browse/browser.ts";
import { columnName, commentOf, given, labelsOf, nameOf, namesOf } from "../browse/parts.ts";
import { addressOf, serverFields } from "../connections/address.ts";
import type { PostgresConfig, PostgresSession } from "./session.ts";

const configSchema = z.strictObject({
  ...serverFields(5432),
  database: z.string().min(1).max(63),
}) as unknown as z.ZodType<PostgresConfig>;

/** Tables that are listed, and that are described, by one round of statements. */
const LISTED_AT_A_TIME = 1_000;
const DESCRIBED_AT_A_TIME = 50;

/** A database of PostgreSQL: of its schemas, what the user has any right on. */
export const postgresBrowser: BrowserKind<PostgresConfig> = {
  name: "postgres",
  configSchema,
  needs: (config) => ({ hosts: [addressOf(config)], paths: [] }),
  browse,
};

async function* browse(
  config: PostgresConfig,
  query: BrowseQuery,
  { secrets }: BrowseContext,
): AsyncGenerator<BrowsedThing> {
  const { PostgresSession } = await import("./session.ts"); // the driver is loaded where it is used
  const session = await PostgresSession.open(config, secrets, query.signal);
  try {
    if (query.after === undefined) yield* await catalog(session, query);
    const [first = "", behind] = query.after !== undefined && query.after.length > 1 ? query.after : [];
    for (const schema of await session.read<Named>("schemas", first)) {
      const goesOn = schema.name === first && behind !== undefined;
      if (!goesOn && query.matches([schema.name])) yield await describeSchema(session, schema, query);
      yield* tables(session, schema, goesOn ? behind : "", query);
    }
  } finally {
    await session.close();
  }
}

interface Named {
  oid: number;
  name: string;
}

interface Table extends Named {
  isView: boolean;
}

async function catalog(session: PostgresSession, query: BrowseQuery): Promise<BrowsedThing[]> {
  const [{ name, version }] = await session.read<{ name: string; version: string }>("catalog") as [
    { name: string; version: string },
  ];
  if (!query.matches([name])) return [];
  return [{
    names: [name],
    parts: [{ kind: "catalog", name: nameOf(name), product: `PostgreSQL ${version}` }],
  }];
}

async function describeSchema(
  session: PostgresSession,
  { oid, name }: Named,
  { include }: BrowseQuery,
): Promise<BrowsedThing> {
  const [comment] = include.has("comments")
    ? await session.read<{ text: string }>("schemaComments", oid)
    : [];
  const part: SchemaPart = {
    kind: "schema",
    parent: [],
    name: nameOf(name),
    ...given("comment", comment && commentOf(comment.text)),
  };
  return { names: [name, ""], parts: [part] };
}

async function* tables(
  session: PostgresSession,
  schema: Named,
  behind: string,
  query: BrowseQuery,
): AsyncGenerator<BrowsedThing> {
  for (;;) {
    const listed = await session.read<Table>("tables", schema.oid, behind, LISTED_AT_A_TIME);
    const wanted = listed.filter(({ name }) => query.matches([schema.name, name]));
    for (let at = 0; at < wanted.length; at += DESCRIBED_AT_A_TIME) {
      yield* await describe(session, schema.name, wanted.slice(at, at + DESCRIBED_AT_A_TIME), query);
    }
    if (listed.length < LISTED_AT_A_TIME) return;
    behind = listed.at(-1)!.name;
  }
}

interface OfTable {
  table: number;
}

interface ColumnRow extends OfTable {
  number: number;
  name: string;
  type: string;
  nullable: boolean;
  generated: boolean;
}

interface ConstraintRow extends OfTable {
  name: string;
  type: "p" | "u" | "f";
  columns: string[];
  target: string;
  targetSchema: string;
  targetColumns: string[];
}

interface IndexRow extends OfTable {
  name: string;
  isUnique: boolean;
  isPartial: boolean;
  columns: (string | null)[];
}

interface TextRow extends OfTable {
  number: number;
  text: string;
}

async function describe(
  session: PostgresSession,
  schema: string,
  tables: readonly Table[],
  { include }: BrowseQuery,
): Promise<BrowsedThing[]> {
  const oids = tables.map(({ oid }) => oid);
  const columns = byTable(await session.read<ColumnRow>("columns", oids));
  const constraints = byTable(await session.read<ConstraintRow>("constraints", oids));
  const indexes = byTable(await session.read<IndexRow>("indexes", oids));
  const defaults = include.has("defaults")
    ? byColumn(await session.read<TextRow>("defaults", oids))
    : undefined;
  const comments = include.has("comments")
    ? byColumn(await session.read<TextRow>("comments", oids))
    : undefined;
  const labels = include.has("enums")
    ? byColumn(await session.read<OfTable & { number: number; labels: string[] }>("labels", oids))
    : undefined;
  return tables.map(({ oid, name, isView }): BrowsedThing => {
    const parent = namesOf([schema, name]);
    const kind = isView ? "view" : "table";
    const comment = (number: number) => {
      const row = comments?.get(`${oid} ${number}`);
      return given("comment", row && commentOf(row.text));
    };
    const parts: SchemaPart[] = [{ kind, parent: namesOf([schema]), name: nameOf(name), ...comment(0) }];
    for (const [i, row] of (columns.get(oid) ?? []).entries()) {
      const defaultText = defaults?.get(`${oid} ${row.number}`);
      const label = labels?.get(`${oid} ${row.number}`);
      parts.push({
        kind: "column",
        parent,
        name: columnName(row.name, kind),
        position: i + 1,
        type: nameOf(row.type),
        nullable: row.nullable,
        ...row.generated ? { generated: true as const } : {},
        ...given("default", defaultText && commentOf(defaultText.text)),
        ...comment(row.number),
        ...given("labels", label && labelsOf(label.labels)),
      });
    }
    for (const row of constraints.get(oid) ?? []) parts.push(constraint(row, parent));
    for (const row of indexes.get(oid) ?? []) parts.push(index(row, parent));
    return { names: [schema, name], parts };
  });
}

function constraint(row: ConstraintRow, parent: string[]): SchemaPart {
  const { name, type } = row;
  const columns = namesOf(row.columns);
  if (type !== "f") return { kind: "key", parent, name: nameOf(name), primary: type === "p", columns };
  const references = {
    table: namesOf([row.targetSchema, row.target]),
    columns: namesOf(row.targetColumns),
  };
  return { kind: "foreign-key", parent, name: nameOf(name), columns, references };
}

function index({ name, isUnique, isPartial, columns }: IndexRow, parent: string[]): SchemaPart {
  return {
    kind: "index",
    parent,
    name: nameOf(name),
    unique: isUnique,
    columns: columns.map((column) => column === null ? null : nameOf(column)),
    ...isPartial ? { partial: true as const } : {},
  };
}

function byTable<T extends OfTable>(rows: readonly T[]): Map<number, T[]> {
  return Map.groupBy(rows, ({ table }) => table);
}

function byColumn<T extends OfTable & { number: number }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [`${row.table} ${row.number}`, row]));
}
