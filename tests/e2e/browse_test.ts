import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { Home } from "../cli/support.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import { MariaDbServer } from "../support/mariadb.ts";
import { PostgresServer } from "../support/postgres.ts";

const reason = await whyNoExecutable() ?? await PostgresServer.whyNone() ?? await MariaDbServer.whyNone();
if (reason !== undefined) console.warn(`The executable's test with databases is skipped: ${reason}`);

Deno.test({
  name: "an executable browses the databases that it was compiled for, by TLS, and no other",
  ignore: reason !== undefined,
}, async () => {
  await using postgres = await PostgresServer.start();
  await using mariadb = await MariaDbServer.start();
  await using other = await PostgresServer.start();
  await postgres.run("CREATE TABLE orders (id int PRIMARY KEY)");
  await mariadb.run(
    "CREATE DATABASE shop; CREATE TABLE shop.customers (id int PRIMARY KEY); " +
      "CREATE USER admin@'%' IDENTIFIED BY 'admin'; GRANT SELECT ON shop.* TO admin@'%'",
  );
  const folder = await Deno.makeTempDir();
  try {
    const connect = [postgres, mariadb].map(({ port }) => `localhost:${port}`);
    const program = await compileAgent("127.0.0.1:9", `${folder}/sallyport`, connect);
    await using home = await Home.make(program);
    await home.write("secrets/admin", "admin\n");
    await Deno.chmod(`${home.path}/secrets/admin`, 0o600);
    await home.write("secrets/postgres.pem", postgres.ca);
    await home.write("secrets/mariadb.pem", mariadb.ca);
    await home.write("secrets/other.pem", other.ca);
    const definition = (port: number, ca: string, database: string) =>
      JSON.stringify({ host: "localhost", port, user: "admin", password: "admin", database, tls: { ca } });
    await home.write(
      "connections.yaml",
      `connections:
  orders: { postgres: ${definition(postgres.port, "postgres.pem", "postgres")} }
  customers: { mysql: ${definition(mariadb.port, "mariadb.pem", "shop")} }
  other: { postgres: ${definition(other.port, "other.pem", "postgres")} }
`,
    );
    for (const [connection, table] of [["orders", "orders"], ["customers", "customers"]] as const) {
      const { code, value } = await home.json("browse", connection);
      assertEquals([code, value.error], [EXIT.ok, undefined]);
      assertStringIncludes(
        JSON.stringify(value.records),
        `"kind":"table","parent":["${connection === "orders" ? "public" : "shop"}"],"name":"${table}"`,
      );
    }
    const refused = await home.json("browse", "other");
    assertEquals([refused.code, refused.value.error.code], [EXIT.refused, "connection.not-permitted"]);
    const permissions = await home.json("permissions");
    assertEquals([permissions.code, permissions.value.connect], [EXIT.ok, connect]);
    const checked = await home.json("connections", "check", "orders", "customers");
    assertEquals(checked.value.connections.map(({ works }: { works: boolean }) => works), [true, true]);
    const units = (await home.run("service", "print", "--half", "engine")).stdout;
    assertStringIncludes(units, connect.join(", "));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
