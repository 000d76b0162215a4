import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { openForSchema } from "../../src/connectors/sqlite/read_only.ts";
import { STATEMENTS } from "../../src/connectors/sqlite/statements.ts";
import { conformance, ROW_CANARY, STRANGE_NAMES, TEXT_CANARY } from "./browse_conformance.ts";
import type { Browsed } from "./browse_conformance.ts";
import { BrowseHome, ofKind, thingsOf } from "./browse_support.ts";

const DEFINITION = { sqlite: { file: "shop/orders.db" } };
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function database(home: BrowseHome, sql: string, file = "shop/orders.db"): void {
  home.write(file, "");
  const db = new DatabaseSync(`${home.path}/data/${file}`);
  db.exec(sql);
  db.close();
}

const SHOP = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '${TEXT_CANARY}', mail TEXT UNIQUE);
  CREATE TABLE orders (
    number TEXT, year INTEGER, customer INTEGER REFERENCES customers, total REAL CHECK (total > 0),
    doubled REAL GENERATED ALWAYS AS (total * 2), PRIMARY KEY (year, number)
  ) WITHOUT ROWID;
  CREATE INDEX big ON orders (lower(number), total) WHERE number <> '${ROW_CANARY}';
  CREATE VIEW totals AS SELECT customer, sum(total) AS total, '${ROW_CANARY}' FROM orders GROUP BY customer;
  INSERT INTO customers VALUES (1, '${ROW_CANARY}', '${ROW_CANARY}');
  INSERT INTO orders (number, year, customer, total) VALUES ('${ROW_CANARY}', 2026, 1, 4711);
`;

conformance("SQLite", (): Promise<Browsed> => {
  const home = new BrowseHome();
  const strange = STRANGE_NAMES.map((name) => `CREATE TABLE ${quoted(name)} (${quoted(name)} TEXT)`);
  database(home, [SHOP, ...strange].join(";"));
  return Promise.resolve({
    home,
    definition: DEFINITION,
    things: [...STRANGE_NAMES, "customers", "orders", "totals"].sort(),
    strange: STRANGE_NAMES,
    texts: ["defaults"],
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  });
});

Deno.test("browse SQLite: columns, keys, foreign keys and indexes as they are", async () => {
  await using home = new BrowseHome();
  database(home, SHOP);
  const records = await home.page(DEFINITION, { pattern: "orders" });
  const parent = ["main", "orders"];
  assertEquals(records, [
    { kind: "table", parent: ["main"], name: "orders" },
    { kind: "column", parent, name: "number", position: 1, type: "TEXT", nullable: false },
    { kind: "column", parent, name: "year", position: 2, type: "INTEGER", nullable: false },
    { kind: "column", parent, name: "customer", position: 3, type: "INTEGER", nullable: true },
    { kind: "column", parent, name: "total", position: 4, type: "REAL", nullable: true },
    { kind: "column", parent, name: "doubled", position: 5, type: "REAL", nullable: true, generated: true },
    { kind: "key", parent, name: "PRIMARY KEY", primary: true, columns: ["year", "number"] },
    { kind: "index", parent, name: "big", unique: false, columns: [null, "total"], partial: true },
    {
      kind: "foreign-key",
      parent,
      name: "foreign key 1",
      columns: ["customer"],
      references: { table: ["main", "customers"], columns: [] },
    },
    { kind: "end", records: 9 },
  ]);
  const view = await home.page(DEFINITION, { pattern: "totals" });
  assertEquals(ofKind(view, "column").map(({ name }) => name), ["customer", "total", "(expression)"]);
});

Deno.test("browse SQLite: a statement that asks for rows gets none, and one that changes anything does not run", async () => {
  await using home = new BrowseHome();
  database(home, SHOP);
  using db = withDispose(openForSchema(`${home.path}/data/shop/orders.db`));
  for (const row of db.prepare("SELECT id, name, mail FROM customers").all()) {
    assertEquals(Object.values(row), [null, null, null]);
  }
  const refused = [
    "DELETE FROM orders",
    "ATTACH 'x.db' AS x",
    "PRAGMA writable_schema = ON",
    "CREATE TABLE x (y)",
  ];
  for (const sql of refused) assertThrows(() => db.prepare(sql).run(), Error, "not authorized");
  for (const sql of Object.values(STATEMENTS)) assert(!/"(customers|orders)"/.test(sql));
});

Deno.test("browse SQLite: what is broken is named, and the others are told", async () => {
  await using home = new BrowseHome();
  database(home, `${SHOP} CREATE VIEW a_broken AS SELECT * FROM gone;`);
  const records = await home.page(DEFINITION);
  assertEquals(ofKind(records, "view").map(({ name, problem }) => [name, problem]), [
    ["a_broken", "unreadable"],
    ["totals", undefined],
  ]);
});

Deno.test("browse SQLite: no file, no database, and the agent's own", async () => {
  await using home = new BrowseHome();
  home.write("shop/orders.db", "this is text, and long enough to be taken for the head of a file");
  await Deno.mkdir(`${home.path}/state`);
  await Deno.symlink(`${home.path}/state`, `${home.path}/data/sneaky`);
  const cases: [file: string, code: string, said: string][] = [
    ["shop/orders.db", "schema.unreadable", "not a database"],
    ["shop/missing.db", "schema.unreadable", "No such file"],
    ["sneaky", "process.invalid", "outside data/"],
  ];
  for (const [file, code, said] of cases) {
    const error = await assertRejects(() => home.page({ sqlite: { file } }), SallyportError);
    assertEquals(error.code, code);
    assertStringIncludes(`${error.message} ${error.cause}`, said);
  }
});

Deno.test("browse SQLite: 10,000 tables come page by page", async () => {
  await using home = new BrowseHome();
  const tables = Array.from(
    { length: 10_000 },
    (_, i) => `CREATE TABLE t${i} (id INTEGER PRIMARY KEY, a TEXT, b REAL)`,
  );
  database(home, `BEGIN; ${tables.join(";")}; COMMIT`);
  const seen = new Set<string>();
  let page: string | undefined;
  do {
    const records = await home.page(DEFINITION, { pageSize: 5_000, ...page ? { page } : {} });
    assert(records.length <= 5_000 + 5);
    for (const name of thingsOf(records)) seen.add(name);
    page = ofKind(records, "end")[0]!.next;
  } while (page !== undefined);
  assertEquals(seen.size, 10_000);
});

function withDispose(db: DatabaseSync): DatabaseSync & Disposable {
  return Object.assign(db, { [Symbol.dispose]: () => db.close() });
}
