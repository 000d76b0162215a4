import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { STATEMENTS } from "../../src/connectors/postgres/statements.ts";
import { SCHEMA_TEXTS } from "../../src/protocol/payloads/schema.ts";
import { sealSecret } from "../../src/trust/sealed_secret.ts";
import { sealingKeyText } from "../../src/trust/sealing.ts";
import { Company } from "../support/company.ts";
import { PostgresServer } from "../support/postgres.ts";
import { conformance, ROW_CANARY, STRANGE_NAMES, TEXT_CANARY } from "./browse_conformance.ts";
import type { Browsed } from "./browse_conformance.ts";
import { BrowseHome, ofKind, thingsOf } from "./browse_support.ts";
import { silentServer } from "./silent_server.ts";

const reason = await PostgresServer.whyNone();
if (reason !== undefined) console.warn(`The tests with PostgreSQL are skipped: ${reason}`);
const ignore = reason !== undefined;

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  server = await PostgresServer.start();
  await server.run("CREATE DATABASE shop", "postgres");
  await server.run(SHOP, "shop");
});
Deno.test.afterAll(async () => {
  if (!ignore) await server[Symbol.asyncDispose]();
});

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const SHOP = `
  CREATE ROLE reader LOGIN PASSWORD 'pass "word'';';
  CREATE ROLE needs_tls LOGIN PASSWORD 'x';
  COMMENT ON SCHEMA public IS '${TEXT_CANARY}';
  CREATE TYPE state AS ENUM ('${TEXT_CANARY}', 'done');
  CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(80) NOT NULL DEFAULT '${TEXT_CANARY}',
    mail text UNIQUE, CHECK (name <> '${ROW_CANARY}')
  );
  COMMENT ON TABLE customers IS '${TEXT_CANARY}';
  CREATE TABLE orders (
    year int, number text, customer bigint REFERENCES customers, state state, tags text[], total numeric(10,2),
    doubled numeric GENERATED ALWAYS AS (total * 2) STORED, PRIMARY KEY (year, number)
  );
  COMMENT ON COLUMN orders.total IS '${TEXT_CANARY}';
  CREATE INDEX big ON orders (lower(number), total) INCLUDE (customer) WHERE number <> '${ROW_CANARY}';
  CREATE VIEW totals AS SELECT customer, sum(total) AS total, '${ROW_CANARY}' AS fixed FROM orders GROUP BY customer;
  CREATE TABLE logs (at date, text text) PARTITION BY LIST (text);
  CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN ('${ROW_CANARY}');
  INSERT INTO customers (name, mail) VALUES ('x', '${ROW_CANARY}');
  INSERT INTO orders (year, number, customer, total) VALUES (2026, '${ROW_CANARY}', 1, 4711);
  INSERT INTO logs VALUES (now(), '${ROW_CANARY}');
  ANALYZE;
  CREATE SCHEMA hidden; CREATE TABLE hidden.salaries (amount int);
  CREATE TABLE not_for_you (a int);
  ${
  STRANGE_NAMES.map((name) => `CREATE TABLE ${quoted(name)} (${quoted(name)} text DEFAULT 'x');`).join("\n")
}
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; REVOKE ALL ON not_for_you FROM reader;
  CREATE SCHEMA ${quoted(STRANGE_NAMES[0])}; GRANT USAGE ON SCHEMA ${quoted(STRANGE_NAMES[0])} TO reader;
`;

/** A home from which the shop can be browsed, by TLS. */
function shop(): { home: BrowseHome; definition: { postgres: Record<string, unknown> } } {
  const home = new BrowseHome();
  home.secret("shop", `pass "word';\n`);
  home.secret("ca.pem", server.ca, 0o644);
  const { port } = server;
  const postgres = {
    host: "localhost",
    port,
    database: "shop",
    user: "reader",
    password: "shop",
    tls: { ca: "ca.pem" },
  };
  return { home, definition: { postgres } };
}

conformance("PostgreSQL", (): Promise<Browsed> => {
  const { home, definition } = shop();
  return Promise.resolve({
    home,
    definition,
    things: [
      "a.b`c$1%s?",
      "customers",
      "emoji 😀 Größe",
      `it's; "quoted"`,
      "logs",
      "orders",
      "totals",
      "two\nlines",
    ],
    strange: STRANGE_NAMES,
    texts: [...SCHEMA_TEXTS],
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  });
}, ignore);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `browse PostgreSQL: ${name}`, ignore, fn });
}

test("columns, keys, foreign keys and indexes as they are", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const parent = ["public", "orders"];
  const column = (position: number, name: string, type: string, rest: Record<string, unknown> = {}) => ({
    kind: "column" as const,
    parent,
    name,
    position,
    type,
    nullable: position > 2,
    ...rest,
  });
  assertEquals(await home.page(definition, { pattern: "public.orders" }), [
    { kind: "table", parent: ["public"], name: "orders" },
    column(1, "year", "integer"),
    column(2, "number", "text"),
    column(3, "customer", "bigint"),
    column(4, "state", "public.state"),
    column(5, "tags", "text[]"),
    column(6, "total", "numeric(10,2)"),
    column(7, "doubled", "numeric", { generated: true }),
    { kind: "key", parent, name: "orders_pkey", primary: true, columns: ["year", "number"] },
    {
      kind: "foreign-key",
      parent,
      name: "orders_customer_fkey",
      columns: ["customer"],
      references: { table: ["public", "customers"], columns: ["id"] },
    },
    { kind: "index", parent, name: "big", unique: false, columns: [null, "total"], partial: true },
    { kind: "end", records: 11 },
  ]);
  const texts = await home.page(definition, { pattern: "orders", include: [...SCHEMA_TEXTS] });
  assertEquals(ofKind(texts, "column")[3]!.labels, [TEXT_CANARY, "done"]);
  assertEquals(ofKind(texts, "column")[5]!.comment, TEXT_CANARY);
});

test("only what the user has a right on is told", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const records = await home.page(definition);
  const text = JSON.stringify(records);
  for (const hidden of ["not_for_you", "salaries", "hidden", "logs_1", "pg_catalog"]) {
    assertEquals([hidden, text.includes(hidden)], [hidden, false]);
  }
  assertEquals(ofKind(records, "schema").map(({ name }) => name), [STRANGE_NAMES[0], "public"]);
  assertStringIncludes(ofKind(records, "catalog")[0]!.product, "PostgreSQL ");
});

test("the server's own log has the statements of the list, each as it stands there, and no other", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const before = (await server.log()).length;
  const pattern = "*'; DROP TABLE orders; --*";
  await home.page(definition, { include: [...SCHEMA_TEXTS] });
  await home.page(definition, { pattern, pageSize: 1 });
  const said = (await server.log()).slice(before);
  // A statement: "sallyport|PID|LOG:  statement: ..." or "execute <unnamed>: ...", further lines begin with a tab.
  const ran = [
    ...said.matchAll(/^sallyport\|\d+\|LOG: {2}(?:statement|execute <unnamed>): ((?:.*\n)(?:\t.*\n)*)/gm),
  ]
    .map(([, sql]) => normal(sql!.replaceAll("\n\t", "\n")));
  const list = Object.values(STATEMENTS).map(normal);
  assertEquals(ran.filter((sql) => !list.includes(sql)), []);
  assertEquals([...new Set(ran)].sort(), [...list].sort());
  const others = said.split("\n").filter((line) =>
    line.startsWith("sallyport|") &&
    !/LOG: {2}(statement|execute <unnamed>): |DETAIL: {2}parameters: /.test(line)
  );
  assertEquals(others, []);
  assertEquals(said.includes("DROP TABLE"), false);
});

const normal = (sql: string) => sql.replaceAll(/\s+/g, " ").trim();

test("the transaction cannot write", async () => {
  const { home, definition } = shop();
  await using _ = home;
  assertStringIncludes(STATEMENTS.begin, "READ ONLY");
  for (const sql of Object.values(STATEMENTS)) {
    assert(!/\b(insert|update|delete|create|copy|call|do)\b\s+(?!,)/i.test(sql.replace(/'[^']*'/g, "")), sql);
  }
  assertEquals((await home.page(definition)).length > 10, true);
});

test("what is wrong is told apart: address, TLS, name, login, database", async () => {
  const { home, definition: { postgres } } = shop();
  await using _ = home;
  home.secret("wrong", "not it");
  home.secret("other-ca.pem", (await Company.found("Another")).root, 0o644);
  home.secret("open", "x", 0o644);
  home.secret("two-lines", "a\nb\n");
  await using other = await PostgresServer.start(["db.example.com"]);
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
    [{ port: other.port, host: "127.0.0.1", tls: { ca: "third-ca.pem" } }, "connection.not-trusted", "names"],
    [{ password: "wrong" }, "connection.refused", "Check user, password file"],
    [{ password: undefined }, "connection.refused", "Check user, password file"],
    [{ database: "nothing" }, "connection.refused", "database"],
    [{ user: "needs_tls", tls: "off" }, "connection.refused", "pg_hba.conf"],
    [{ password: "missing" }, "connection.invalid", "mode 600"],
    [{ password: "open" }, "connection.invalid", "chmod 600"],
    [{ password: "two-lines" }, "connection.invalid", "one line"],
  ];
  for (const [change, code, said] of cases) {
    const error = await assertRejects(
      () => home.page({ postgres: { ...postgres, ...change } }),
      SallyportError,
    );
    const text = `${error.message} ${error.remedy}`;
    assertEquals([change, error.code], [change, code]);
    assertStringIncludes(text, said);
    assertEquals([text.includes('pass "word'), text.includes("not it")], [false, false]);
  }
  const plain = await home.page({ postgres: { ...postgres, tls: "off" } });
  assertEquals(plain, await home.page({ postgres: { ...postgres, host: "127.0.0.1" } }));
});

test("a password may be sealed to the agent, and then anybody may read the file", async () => {
  const { home, definition: { postgres } } = shop();
  await using _ = home;
  const key = await sealingKeyText(await home.keys);
  home.secret("sealed", `${await sealSecret(key, "sealed", `pass "word';`)}\n`, 0o644);
  home.secret("moved", await sealSecret(key, "sealed", `pass "word';`), 0o644);
  const records = await home.page({ postgres: { ...postgres, password: "sealed" } });
  assertEquals(thingsOf(records).includes("orders"), true);
  const moved = { postgres: { ...postgres, password: "moved" } };
  const error = await assertRejects(() => home.page(moved), SallyportError, "for another name");
  assertEquals(error.code, "connection.invalid");
});

test("a server without TLS, one that hangs, and one that hangs up", async () => {
  const { home, definition: { postgres } } = shop();
  await using _ = home;
  const no = new TextEncoder().encode("N");
  const cases: [answer: "nothing" | "hang-up" | Uint8Array, code: string][] = [
    ["nothing", "schema.timed-out"],
    ["hang-up", "connection.not-trusted"],
    [no, "connection.not-trusted"],
  ];
  for (const [answer, code] of cases) {
    using silent = silentServer(answer);
    const reading = home.browse({ postgres: { ...postgres, port: silent.port } }, {}, { timeLimitMs: 1_000 });
    const error = await assertRejects(() => Array.fromAsync(reading), SallyportError);
    assertEquals([answer, error.code], [answer, code]);
  }
});

test("a catalog that is locked costs two seconds and a clear word", async () => {
  const { home, definition } = shop();
  await using _ = home;
  const holding = server.run(
    "SET allow_system_table_mods = on; BEGIN; LOCK TABLE pg_catalog.pg_attrdef; SELECT pg_sleep(6); ROLLBACK;",
    "shop",
  );
  await Promise.race([untilLocked(), holding]);
  const error = await assertRejects(() => home.page(definition, { include: ["defaults"] }), SallyportError);
  assertEquals([error.code, error.retryable], ["schema.timed-out", true]);
  await holding;
});

async function untilLocked(): Promise<void> {
  const held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 2604";
  while ((await server.run(held, "shop")).trim() === "0") {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("10,000 tables come page by page, in bounded memory", async () => {
  await server.run("CREATE DATABASE large", "postgres");
  await server.run(
    `DO $$ BEGIN FOR i IN 1..10000 LOOP
      EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text NOT NULL, at date)', i);
      IF i % 500 = 0 THEN COMMIT; END IF;
    END LOOP; END $$`,
    "large",
  );
  const { home, definition: { postgres } } = shop();
  await using _ = home;
  home.secret("admin", "admin");
  const large = { postgres: { ...postgres, database: "large", user: "admin", password: "admin" } };
  const seen = new Set<string>();
  let peak = 0;
  let page: string | undefined;
  do {
    const records = await home.page(large, { pageSize: 2_000, ...page ? { page } : {} });
    for (const name of thingsOf(records)) seen.add(name);
    peak = Math.max(peak, Deno.memoryUsage().heapUsed);
    page = ofKind(records, "end")[0]!.next;
  } while (page !== undefined);
  assertEquals(seen.size, 10_000);
  assert(peak < 200 * 1024 * 1024, `${peak}`);
});
