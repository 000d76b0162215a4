import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { Home } from "../cli/support.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import type { RequestView } from "../support/fleet.ts";
import { eventually, Fleet } from "../support/fleet.ts";
import { MariaDbServer } from "../support/mariadb.ts";
import { temporaryFolder } from "../support/home.ts";
import { PostgresServer } from "../support/postgres.ts";

const reason = await whyNoExecutable() ?? await PostgresServer.whyNone() ?? await MariaDbServer.whyNone();
if (reason !== undefined) console.warn(`The executable's test with databases is skipped: ${reason}`);

/** Two databases, with a row in each of which nothing may be told. */
async function startDatabases() {
  const stack = new AsyncDisposableStack();
  const postgres = stack.use(await PostgresServer.start());
  const mariadb = stack.use(await MariaDbServer.start());
  await postgres.run("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (4711)");
  await mariadb.run(
    "CREATE DATABASE shop; CREATE TABLE shop.customers (id int PRIMARY KEY); " +
      "INSERT INTO shop.customers VALUES (4711); " +
      "CREATE USER admin@'%' IDENTIFIED BY 'admin'; GRANT SELECT ON shop.* TO admin@'%'",
  );
  const connect = [postgres, mariadb].map(({ port }) => `localhost:${port}`);
  return { postgres, mariadb, connect, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What the operator puts into a home, by path; `others` are further connections to PostgreSQL. */
function filesFor(
  { postgres, mariadb }: { postgres: PostgresServer; mariadb: MariaDbServer },
  others: Record<string, PostgresServer> = {},
): Record<string, string> {
  const definition = (port: number, ca: string, database: string) =>
    JSON.stringify({ host: "localhost", port, user: "admin", password: "admin", database, tls: { ca } });
  const connections = [
    `orders: { postgres: ${definition(postgres.port, "orders.pem", "postgres")} }`,
    `customers: { mysql: ${definition(mariadb.port, "customers.pem", "shop")} }`,
    ...Object.entries(others).map(([name, { port }]) =>
      `${name}: { postgres: ${definition(port, `${name}.pem`, "postgres")} }`
    ),
  ];
  return {
    "secrets/admin": "admin\n",
    "secrets/orders.pem": postgres.ca,
    "secrets/customers.pem": mariadb.ca,
    ...Object.fromEntries(Object.entries(others).map(([name, { ca }]) => [`secrets/${name}.pem`, ca])),
    "connections.yaml": `connections:\n  ${connections.join("\n  ")}\n`,
  };
}

const TABLES = { orders: ["public", "orders"], customers: ["shop", "customers"] } as const;
const tableLine = (connection: keyof typeof TABLES) => {
  const [parent, name] = TABLES[connection];
  return `"kind":"table","parent":["${parent}"],"name":"${name}"`;
};

Deno.test({
  name: "an executable browses the databases that it was compiled for, by TLS, and no other",
  ignore: reason !== undefined,
}, async () => {
  await using databases = await startDatabases();
  await using other = await PostgresServer.start();
  const { connect } = databases;
  using folder = temporaryFolder();
  const program = await compileAgent("127.0.0.1:9", `${folder.path}/sallyport`, connect);
  await using home = await Home.make(program);
  for (const [path, text] of Object.entries(filesFor(databases, { other }))) await home.write(path, text);
  await Deno.chmod(`${home.path}/secrets/admin`, 0o600);
  for (const connection of ["orders", "customers"] as const) {
    const { code, value } = await home.json("browse", connection);
    assertEquals([code, value.error], [EXIT.ok, undefined]);
    assertStringIncludes(JSON.stringify(value.records), tableLine(connection));
  }
  const refused = await home.json("browse", "other");
  assertEquals([refused.code, refused.value.error.code], [EXIT.refused, "connection.not-permitted"]);
  const permissions = await home.json("permissions");
  assertEquals([permissions.code, permissions.value.connect], [EXIT.ok, connect]);
  const checked = await home.json("connections", "check", "orders", "customers");
  assertEquals(checked.value.connections.map(({ works }: { works: boolean }) => works), [true, true]);
  const units = (await home.run("service", "print", "--half", "engine")).stdout;
  assertStringIncludes(units, connect.join(", "));
});

Deno.test({
  name:
    "a person at the platform browses databases through an agent that may connect to them: the schema, and no row",
  ignore: reason !== undefined,
}, async () => {
  await using databases = await startDatabases();
  using folder = temporaryFolder();
  await using fleet = await Fleet.start((authority) =>
    compileAgent(authority, `${folder.path}/sallyport`, databases.connect)
  );
  await fleet.enrol();
  for (const [path, text] of Object.entries(filesFor(databases))) await fleet.drop(path, text);
  await Deno.chmod(`${fleet.home}/secrets/admin`, 0o600);
  const browse = async (connection: keyof typeof TABLES) => {
    const { id } = await fleet.agentView();
    const wish = { channel: "schema", parameters: { connection } };
    const asked = await fleet.api.call<RequestView>("POST", `/agents/${id}/requests`, wish);
    const ended = await eventually(
      () => fleet.api.get<RequestView>(`/requests/${asked.id}`),
      ({ outcome, state }) => outcome !== undefined || state === "answered",
    );
    assertEquals([ended.state, ended.outcome?.reason], ["answered", undefined]);
    const answer = await (await fleet.api.stream(`/requests/${asked.id}/answer`)).text();
    assertStringIncludes(answer, tableLine(connection));
    assertEquals(answer.includes("4711"), false);
  };
  const halves = [["run", "--half", "gatehouse"], ["run", "--half", "engine"]];
  for (const commands of [[["run"]], halves]) {
    const agents = commands.map((words) => fleet.startAgent(words));
    await agents[0]!.connected();
    for (const connection of ["orders", "customers"] as const) await browse(connection);
    for (const agent of agents) assertEquals(await agent.stop(), EXIT.ok);
  }
});
