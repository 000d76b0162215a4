import * as z from "zod";
import { isIpAddress } from "../../base/hosts.ts";
import type { SchemaPart } from "../../protocol/payloads/schema.ts";
import type { BrowseContext, BrowsedThing, BrowseQuery, BrowserKind } from "../browse/browser.ts";
import { columnName, commentOf, given, labelsOf, nameOf, namesOf } from "../browse/parts.ts";
import { addressOf, serverFields } from "../connections/address.ts";
import { enumLabels } from "./labels.ts";
import type { MysqlConfig, MysqlSession } from "./session.ts";
import { LISTED_AT_A_TIME } from "./statements.ts";

const configSchema = z.strictObject({
  ...serverFields(3306),
  database: z.string().min(1).max(64).optional().meta({
    description: "Only this one. Default: all that the user sees",
  }),
}).refine(({ host, tls }) => tls === "off" || !isIpAddress(host), {
  path: ["host"],
  message: "must be a name where TLS is on: for an address the driver does not check whose certificate it is",
}) as unknown as z.ZodType<MysqlConfig>;

/** A server of MariaDB or MySQL: of its databases, what the user has any right on. */
export const mysqlBrowser: BrowserKind<MysqlConfig> = {
  name: "mysql",
  configSchema,
  needs: (config) => ({ hosts: [addressOf(config)], paths: [] }),
  browse,
};

async function* browse(
  config: MysqlConfig,
  query: BrowseQuery,
  { secrets }: BrowseContext,
): AsyncGenerator<BrowsedThing> {
  const { MysqlSession } = await import("./session.ts"); // the driver is loaded where it is used
  const session = await MysqlSession.open(config, secrets, query.signal);
  try {
    const catalog = addressOf(config);
    if (query.after === undefined && query.matches([catalog])) {
      const product = session.version.includes("MariaDB") ? "MariaDB" : "MySQL";
      yield {
        names: [catalog],
        parts: [{ kind: "catalog", name: nameOf(catalog), product: `${product} ${session.version}` }],
      };
    }
    const [first = "", behind] = query.after !== undefined && query.after.length > 1 ? query.after : [];
    for (const { name: schema } of await session.read<{ name: string }>("schemas", first)) {
      if (config.database !== undefined && schema !== config.database) continue;
      const goesOn = schema === first && behind !== undefined;
      if (!goesOn && query.matches([schema])) {
        yield { names: [schema, ""], parts: [{ kind: "schema", parent: [], name: nameOf(schema) }] };
      }
      yield* tables(session, schema, goesOn ? behind : "", query);
    }
  } finally {
    await session.close();
  }
}

async function* tables(
  session: MysqlSession,
  schema: string,
  behind: string,
  query: BrowseQuery,
): AsyncGenerator<BrowsedThing> {
  for (;;) {
    const listed = await session.read<{ name: string; isView: number }>("tables", schema, behind);
    for (const { name, isView } of listed) {
      if (query.matches([schema, name])) yield await describe(session, schema, name, isView === 1, query);
    }
    if (listed.length < LISTED_AT_A_TIME) return;
    behind = listed.at(-1)!.name;
  }
}

interface ColumnRow {
  name: string;
  type: string;
  nullable: number;
  isGenerated: number;
}

interface IndexRow {
  name: string;
  isUnique: number;
  columnName: string | null;
}

interface ForeignKeyRow {
  name: string;
  columnName: string;
  targetSchema: string;
  target: string;
  targetColumn: string;
}

interface TextRow {
  name: string;
  text: string;
}

async function describe(
  session: MysqlSession,
  schema: string,
  name: string,
  isView: boolean,
  { include }: BrowseQuery,
): Promise<BrowsedThing> {
  const texts = async (statement: "defaults" | "comments" | "labels", asked: boolean) => {
    const rows = asked ? await session.read<TextRow>(statement, schema, name) : [];
    return new Map(rows.map((row) => [row.name, row.text]));
  };
  const columns = await session.read<ColumnRow>("columns", schema, name);
  const indexes = isView ? [] : await session.read<IndexRow>("indexes", schema, name);
  const foreignKeys = isView ? [] : await session.read<ForeignKeyRow>("foreignKeys", schema, name);
  const defaults = await texts("defaults", include.has("defaults"));
  const comments = await texts("comments", include.has("comments"));
  const labels = await texts("labels", include.has("enums"));
  const [comment] = include.has("comments")
    ? await session.read<{ text: string }>("tableComment", schema, name)
    : [];
  const kind = isView ? "view" : "table";
  const parent = namesOf([schema, name]);
  return {
    names: [schema, name],
    parts: [
      {
        kind,
        parent: namesOf([schema]),
        name: nameOf(name),
        // A view over tables that are gone is listed, and has no columns.
        ...columns.length === 0 ? { problem: "unreadable" as const } : {},
        ...given("comment", comment && commentOf(comment.text)),
      },
      ...columns.map((row, i): SchemaPart => {
        const [text, said, label] = [defaults.get(row.name), comments.get(row.name), labels.get(row.name)];
        return {
          kind: "column",
          parent,
          name: columnName(row.name, kind),
          position: i + 1,
          type: nameOf(row.type),
          nullable: row.nullable === 1,
          ...row.isGenerated === 1 ? { generated: true as const } : {},
          ...text === undefined ? {} : { default: commentOf(text) },
          ...given("comment", said && commentOf(said)),
          ...label === undefined ? {} : { labels: labelsOf(enumLabels(label)) },
        };
      }),
      ...grouped(indexes).map((rows) => index(rows, parent)),
      ...grouped(foreignKeys).map((rows) => foreignKey(rows, parent)),
    ],
  };
}

/** The rows of each name, in order. */
function grouped<T extends { name: string }>(rows: readonly T[]): T[][] {
  return [...Map.groupBy(rows, ({ name }) => name).values()];
}

function index(rows: readonly IndexRow[], parent: string[]): SchemaPart {
  const { name, isUnique } = rows[0]!;
  const columns = rows.map(({ columnName }) => columnName === null ? null : nameOf(columnName));
  const named = columns.filter((column) => column !== null);
  if (isUnique === 0 || named.length < columns.length) {
    return { kind: "index", parent, name: nameOf(name), unique: isUnique === 1, columns };
  }
  return { kind: "key", parent, name: nameOf(name), primary: name === "PRIMARY", columns: named };
}

function foreignKey(rows: readonly ForeignKeyRow[], parent: string[]): SchemaPart {
  const { name, targetSchema, target } = rows[0]!;
  return {
    kind: "foreign-key",
    parent,
    name: nameOf(name),
    columns: namesOf(rows.map(({ columnName }) => columnName)),
    references: {
      table: namesOf([targetSchema, target]),
      columns: namesOf(rows.map(({ targetColumn }) => targetColumn)),
    },
  };
}
