import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { enumLabels } from "../../src/connectors/mysql/labels.ts";
import { STATEMENTS } from "../../src/connectors/mysql/statements.ts";
import { SCHEMA_TEXTS } from "../../src/protocol/payloads/schema.ts";
import { Company } from "../support/company.ts";
import { MariaDbServer } from "../support/mariadb.ts";
import { conformance, ROW_CANARY, STRANGE_NAMES, TEXT_CANARY } from "./browse_conformance.ts";
import type { Browsed } from "./browse_conformance.ts";
import { BrowseHome, connectionOf, ofKind, thingsOf } from "./browse_support.ts";
import { silentServer } from "./silent_server.ts";

const reason = await MariaDbServer.whyNone();
if (reason !== undefined) console.warn(`The tests with MariaDB are skipped: ${reason}`);
const ignore = reason !== undefined;

let server: MariaDbServer;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  server = await MariaDbServer.start();
  await server.run(SHOP);
});
Deno.test.afterAll(async () => {
  if (!ignore) await server[Symbol.asyncDispose]();
});

const quoted = (name: string) => `\`${name.replaceAll("`", "``")}\``;

/** Names have no characters beyond the first plane here. */
const STRANGE = STRANGE_NAMES.map((name) => name.replace("😀", "☺"));

const SHOP = `
  CREATE USER reader@'%' IDENTIFIED BY 'pass "word'';';
  CREATE USER needs_tls@'%' IDENTIFIED BY 'x' REQUIRE SSL;
  CREATE USER admin@'%' IDENTIFIED BY 'admin'; GRANT ALL ON *.* TO admin@'%';
  CREATE DATABASE shop COMMENT '${TEXT_CANARY}' CHARACTER SET utf8mb4; USE shop;
  CREATE TABLE customers (
    id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL DEFAULT '${TEXT_CANARY}', mail varchar(90) UNIQUE,
    CHECK (name <> '${ROW_CANARY}')
  ) COMMENT '${TEXT_CANARY}';
  CREATE TABLE orders (
    year int, number varchar(40), customer bigint, state enum('${TEXT_CANARY}', 'it''s'),
    total decimal(10,2) COMMENT '${TEXT_CANARY}', doubled decimal(10,2) AS (total * 2), PRIMARY KEY (year, number),
    INDEX big (total, customer), CONSTRAINT buyer FOREIGN KEY (customer) REFERENCES customers (id)
  );
  CREATE VIEW totals AS SELECT customer, sum(total) AS total, '${ROW_CANARY}' AS fixed FROM orders GROUP BY customer;
  CREATE TABLE gone (a int); CREATE VIEW view_of_gone AS SELECT * FROM gone; DROP TABLE gone;
  INSERT INTO customers (name, mail) VALUES ('x', '${ROW_CANARY}');
  INSERT INTO orders (year, number, customer, total) VALUES (2026, '${ROW_CANARY}', 1, 4711);
  CREATE TABLE Orders (a int);
  ${STRANGE.map((name) => `CREATE TABLE ${quoted(name)} (${quoted(name)} text);`).join("\n")}
  GRANT SELECT, SHOW VIEW ON shop.* TO reader@'%'; GRANT SELECT ON shop.* TO needs_tls@'%';
  CREATE DATABASE hidden; CREATE TABLE hidden.salaries (amount int);
`;

/** A home from which the shop can be browsed, by TLS. */
function shop(): { home: BrowseHome; definition: { mysql: Record<string, unknown> } } {
  const home = new BrowseHome();
  home.secret("shop", `pass "word';\n`);
  home.secret("ca.pem", server.ca, 0o644);
  const mysql = {
    host: "localhost",
    port: server.port,
    user: "reader",
    password: "shop",
    tls: { ca: "ca.pem" },
  };
  return { home, definition: { mysql } };
}

conformance("MariaDB", (): Promise<Browsed> => {
  const { home, definition } = shop();
  return Promise.resolve({
    home,
    definition,
    things: [
      "Orders",
      "a.b`c$1%s?",
      "customers",
      "emoji ☺ Größe",
      `it's; "quoted"`,
      "orders",
      "totals",
      "two\nlines",
      "view_of_gone",
    ],
    strange: STRANGE,
    texts: [...SCHEMA_TEXTS],
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  });
}, ignore);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `browse MariaDB: ${name}`, ignore, fn });
}

test("columns, keys, foreign keys and indexes as they are", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const parent = ["shop", "orders"];
  const column = (position: number, name: string, type: string, rest: Record<string, unknown> = {}) => ({
    kind: "column" as const,
    parent,
    name,
    position,
    type,
    nullable: position > 2,
    ...rest,
  });
  const records = await home.page(definition, { pattern: "shop.orders" });
  assertEquals(records.filter((record) => !("parent" in record) || record.parent[1] !== "Orders").slice(1), [
    { kind: "table", parent: ["shop"], name: "orders" },
    column(1, "year", "int(11)"),
    column(2, "number", "varchar(40)"),
    column(3, "customer", "bigint(20)"),
    column(4, "state", "enum"),
    column(5, "total", "decimal(10,2)"),
    column(6, "doubled", "decimal(10,2)", { generated: true }),
    { kind: "key", parent, name: "PRIMARY", primary: true, columns: ["year", "number"] },
    { kind: "index", parent, name: "big", unique: false, columns: ["total", "customer"] },
    { kind: "index", parent, name: "buyer", unique: false, columns: ["customer"] },
    {
      kind: "foreign-key",
      parent,
      name: "buyer",
      columns: ["customer"],
      references: { table: ["shop", "customers"], columns: ["id"] },
    },
    { kind: "end", records: records.length - 1 },
  ]);
  const texts = await home.page(definition, { pattern: "shop.orders", include: [...SCHEMA_TEXTS] });
  assertEquals(ofKind(texts, "column").find(({ name }) => name === "state")!.labels, [TEXT_CANARY, "it's"]);
  const [catalog] = ofKind(await home.page(definition, { pattern: `localhost:${server.port}` }), "catalog");
  assertStringIncludes(catalog!.product, "MariaDB");
});

test("only what the user has a right on is told, and of one database if it is named", async () => {
  const { home, definition } = shop();
  await using _ = home;
  home.secret("admin", "admin");
  const text = JSON.stringify(await home.page(definition));
  assertEquals(["hidden", "salaries", "performance_schema"].filter((name) => text.includes(name)), []);
  const admin = { mysql: { ...definition.mysql, user: "admin", password: "admin" } };
  assertEquals(ofKind(await home.page(admin), "schema").map(({ name }) => name), ["hidden", "shop"]);
  const one = { mysql: { ...admin.mysql, database: "hidden" } };
  assertEquals(thingsOf(await home.page(one)), ["salaries"]);
});

test("the server's own log has the statements of the list, each as it stands there, and no other", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const before = (await server.log()).length;
  await home.page(definition, { include: [...SCHEMA_TEXTS] });
  await home.page(definition, { pattern: "*'; DROP TABLE orders; --*", pageSize: 1 });
  const said = (await server.log()).slice(before);
  // Each entry: time or nothing, the session, the command, a tab and its text, which may have further lines.
  const entries = [
    ...said.matchAll(
      /^(?:\d{6} [ \d:]+)?\t+ *\d+ (Connect|Query|Prepare|Execute|Close stmt|Quit)\t((?:.*\n)(?:(?!(?:\d{6} [ \d:]+)?\t+ *\d+ [A-Z]).*\n)*)/gm,
    ),
  ]
    .map(([, command, text]) => ({ command: command!, text: normal(text!) }));
  const list = Object.values(STATEMENTS).map(normal);
  const ran = entries.filter(({ command }) => ["Query", "Prepare"].includes(command)).map(({ text }) => text);
  assertEquals(ran.filter((sql) => !list.includes(sql)), []);
  assertEquals([...new Set(ran)].sort(), list.filter((sql) => sql !== STATEMENTS.limitTimeOfMySql).sort());
  // What is executed was prepared; the log shows it with its parameters in their places.
  const executed = entries.filter(({ command }) => command === "Execute").map(({ text }) => text);
  const forms = list.map((sql) => new RegExp(`^${sql.split("?").map(RegExp.escape).join("'.*'")}$`, "s"));
  assertEquals(executed.filter((sql) => !forms.some((form) => form.test(sql))), []);
  assert(executed.length > 20);
  assertEquals(said.includes("DROP TABLE"), false);
});

const normal = (sql: string) => sql.replaceAll(/\s+/g, " ").trim();

test("what is wrong is told apart: address, TLS, name, login", async () => {
  const { home, definition: { mysql } } = shop();
  await using _ = home;
  home.secret("wrong", "not it");
  home.secret("x", "x");
  home.secret("other-ca.pem", (await Company.found("Another")).root, 0o644);
  await using other = await MariaDbServer.start(["db.example.com"]);
  home.secret("third-ca.pem", other.ca, 0o644);
  const cases: [change: Record<string, unknown>, code: string, said: string][] = [
    [{ port: 1 }, "connection.unreachable", "Check host and port"],
    [{ host: "nowhere.invalid" }, "connection.unreachable", "Check host and port"],
    [{ tls: undefined }, "connection.not-trusted", "tls: { ca: FILE }"],
    [{ tls: { ca: "other-ca.pem" } }, "connection.not-trusted", "tls: { ca: FILE }"],
    [
      { port: other.port, tls: { ca: "third-ca.pem" } },
      "connection.not-trusted",
      "one of the certificate's names",
    ],
    [{ password: "wrong" }, "connection.refused", "Check user and password file"],
    [{ password: undefined }, "connection.refused", "Check user and password file"],
    [{ user: "needs_tls", password: "x", tls: "off" }, "connection.refused", "may want TLS"],
  ];
  for (const [change, code, said] of cases) {
    const error = await assertRejects(() => home.page({ mysql: { ...mysql, ...change } }), SallyportError);
    const text = `${error.message} ${error.remedy}`;
    assertEquals([change, error.code, text], [change, code, text]);
    assertStringIncludes(text, said);
    assertEquals([text.includes('pass "word'), text.includes("not it")], [false, false]);
  }
  const plain = await home.page({ mysql: { ...mysql, tls: "off" } });
  assertEquals(plain, await home.page({ mysql }));
  assertThrows(
    () => connectionOf({ mysql: { ...mysql, host: "127.0.0.1" } }),
    SallyportError,
    "must be a name",
  );
});

test("a server that hangs, and one that talks nonsense", async () => {
  const { home, definition: { mysql } } = shop();
  await using _ = home;
  for (const answer of ["nothing", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")] as const) {
    using silent = silentServer(answer);
    const reading = home.browse({ mysql: { ...mysql, port: silent.port } }, {}, { timeLimitMs: 1_000 });
    const error = await assertRejects(() => Array.fromAsync(reading), SallyportError);
    assertEquals(error.code, "schema.timed-out");
  }
});

test("10,000 tables come page by page", async () => {
  const tables = Array.from(
    { length: 10_000 },
    (_, i) => `CREATE TABLE t${i} (id int PRIMARY KEY, name text) ENGINE=MEMORY;`,
  )
    .map((sql) => sql.replace("text", "varchar(9)"));
  await server.run(`SET GLOBAL general_log = OFF; CREATE DATABASE large; USE large; ${tables.join("\n")}`);
  const { home, definition: { mysql } } = shop();
  await using _ = home;
  home.secret("admin", "admin");
  const large = { mysql: { ...mysql, database: "large", user: "admin", password: "admin" } };
  const seen = new Set<string>();
  let page: string | undefined;
  do {
    const records = await home.page(large, { pageSize: 10_000, ...page ? { page } : {} });
    for (const name of thingsOf(records)) seen.add(name);
    page = ofKind(records, "end")[0]!.next;
  } while (page !== undefined);
  assertEquals(seen.size, 10_000);
});

Deno.test("browse MariaDB: the labels of an enumeration are taken out of its type", () => {
  assertEquals(enumLabels("enum('a','it''s',''',','','b,c')"), ["a", "it's", "',", "", "b,c"]);
  assertEquals(enumLabels("set('x')"), ["x"]);
});
