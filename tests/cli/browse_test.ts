import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { agentFromSource, runCommand } from "../../scripts/lib/agent_process.ts";
import { connectAddresses, ROOT } from "../../scripts/lib/permissions.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { openSecret } from "../../src/trust/sealed_secret.ts";
import { sealingKeysFromPem } from "../../src/trust/sealing.ts";
import { Home } from "./support.ts";

const CTL = `${ROOT}/src/ctl/main.ts`;

const CONNECTIONS = `connections:
  shop: { sqlite: { file: shop.db } }
  files: { disk: { path: in } }
`;

async function withShop(connections = CONNECTIONS): Promise<Home> {
  const home = await Home.make();
  await home.write("data/in/a.csv", "id,name\n1,Ada\n");
  const db = new DatabaseSync(`${home.path}/data/shop.db`);
  db.exec("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'nobody')");
  db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id))");
  db.close();
  await home.write("connections.yaml", connections);
  return home;
}

Deno.test("browse shows what a request would send, as a tree and as records", async () => {
  await using home = await withShop();
  const { code, stdout } = await home.run("browse", "shop");
  assertEquals(code, EXIT.ok);
  for (
    const words of [
      /table customers\n +id +INTEGER +not null\n/,
      /foreign key .* to main\.customers/,
      /no more/,
    ]
  ) {
    assertMatch(stdout, words);
  }
  const all = await home.json("browse", "shop");
  assertEquals([all.code, all.value.connection], [EXIT.ok, "shop"]);
  assertEquals(all.value.records.at(-1), { kind: "end", records: all.value.records.length - 1 });
  assertEquals(JSON.stringify(all.value).includes("nobody"), false);

  const paged = await home.json("browse", "shop", "--pattern", "*o*", "--page-size", "2");
  const { next } = paged.value.records.at(-1);
  assertStringIncludes((await home.run("browse", "shop", "--page-size", "2")).stdout, "--page ");
  const rest = await home.json("browse", "shop", "--pattern", "*o*", "--page", next);
  assertEquals(rest.value.records[0].name, "orders");
  assertEquals((await home.json("browse", "files")).value.records[1].path, ["id"]);
});

Deno.test("browse asks for texts only where the policy allows them", async () => {
  await using home = await withShop();
  const refused = await home.json("browse", "shop", "--include", "defaults");
  assertEquals([refused.code, refused.value.error.code], [EXIT.refused, "request.refused"]);
  assertStringIncludes(refused.value.error.message, "defaults");
  await home.write("policy.yaml", "schema: { defaults: true }\n");
  const allowed = await home.json("browse", "shop", "--include", "defaults");
  assertStringIncludes(JSON.stringify(allowed.value), "'nobody'");
  await home.write("policy.yaml", "schema: { defauts: true }\n");
  const broken = await home.json("browse", "shop");
  assertEquals([broken.code, broken.value.error.code], [EXIT.refused, "request.refused"]);
  assertStringIncludes(broken.value.error.remedy, "defauts");
  assertEquals((await home.run("browse", "shop", "--include", "rows")).code, EXIT.usage);
});

Deno.test("connections are listed and tried out, each with what is wrong with it", async () => {
  await using home = await withShop(`${CONNECTIONS}  gone: { sqlite: { file: gone.db } }\n`);
  const listed = await home.json("connections");
  assertEquals(
    listed.value.connections.map((each: Record<string, unknown>) => [each.name, each.kind, each.leadsTo]),
    [
      ["shop", "sqlite", ["data/shop.db"]],
      ["files", "disk", ["data/in"]],
      ["gone", "sqlite", ["data/gone.db"]],
    ],
  );
  const checked = await home.json("connections", "check");
  assertEquals(checked.code, EXIT.failed);
  assertEquals(checked.value.connections.map((each: Record<string, unknown>) => each.works), [
    true,
    true,
    false,
  ]);
  assertStringIncludes((await home.run("connections", "check")).stdout, "What to do:");
  assertEquals((await home.json("connections", "check", "shop")).code, EXIT.ok);
  const unknown = await home.json("browse", "shap");
  assertEquals([unknown.code, unknown.value.error.code], [EXIT.invalidInput, "connection.unknown"]);
  assertStringIncludes(unknown.value.error.remedy, "shop, files, gone");
});

Deno.test("connections.yaml is closed: what it must not say is named by line and field", async () => {
  const cases: [text: string, field: string][] = [
    ["connections:\n  a: { sqlite: { file: ../state/sallyport.db } }\n", "connections.a.sqlite.file"],
    ["connections:\n  a: { sqlite: { file: /etc/passwd } }\n", "connections.a.sqlite.file"],
    ["connections:\n  a: { sqlte: { file: x.db } }\n", "connections.a.sqlte"],
    ["connections:\n  a: { disk: { path: in, rows: true } }\n", "connections.a.disk.rows"],
    ["connection: {}\n", "connection"],
  ];
  for (const [text, field] of cases) {
    await using home = await withShop(text);
    const { code, value } = await home.json("connections");
    assertEquals([code, value.error.code], [EXIT.invalidInput, "connection.invalid"], text);
    assertStringIncludes(value.error.message, "connections.yaml:");
    assertStringIncludes(value.error.message, field);
  }
  await using home = await Home.make();
  assertStringIncludes((await home.run("connections")).stdout, "There are none");
});

Deno.test("the operator's files cannot be written, and addresses beside the platform's are shown", async () => {
  await using plain = await Home.make();
  const before = await plain.json("permissions");
  assertEquals([before.code, before.value.connect], [EXIT.ok, []]);
  const what = before.value.answers.map((answer: { what: string }) => answer.what);
  assert(what.includes("write connections.yaml") && what.includes("write secrets/ in its home"));

  const program = await agentFromSource("127.0.0.1:9", ["db.example:5432"]);
  await using edition = await Home.make(program);
  await edition.write(
    "connections.yaml",
    "connections:\n  shop:\n    postgres: { host: db.example, database: shop, user: me }\n",
  );
  const { code, value } = await edition.json("permissions");
  assertEquals([code, value.connect], [EXIT.ok, ["db.example:5432"]]);
  assertStringIncludes((await edition.run("permissions")).stdout, "connect to db.example:5432");

  const elsewhere = await edition.json("browse", "shop");
  assertEquals([elsewhere.code, elsewhere.value.error.code], [EXIT.unreachable, "connection.unreachable"]);
  await edition.write(
    "connections.yaml",
    "connections:\n  other: { postgres: { host: other.example, database: shop, user: me } }\n",
  );
  const other = await edition.json("browse", "other");
  assertEquals([other.code, other.value.error.code], [EXIT.refused, "connection.not-permitted"]);
  assertStringIncludes(other.value.error.remedy, "--connect other.example:5432");
  assertEquals((await edition.json("connections")).value.connections[0].permitted, false);
});

Deno.test("an edition cannot be told to connect to its own platform for anything else", () => {
  assertEquals(connectAddresses(["DB.example:5432", "db.example:5432"], "platform.example:443"), [
    "db.example:5432",
  ]);
  for (
    const address of ["platform.example:443", "PLATFORM.example:443", "db.example", "a:1,b:2", "http://a:1"]
  ) {
    assertThrows(() => connectAddresses([address], "platform.example:443"), Error, "--connect");
  }
});

Deno.test("the key for sealed secrets is made once, stays here, and what the customer's tool seals to it opens", async () => {
  await using home = await Home.make();
  const key = (await home.run("secrets", "key")).stdout.trim();
  assertEquals((await home.json("secrets", "key")).value, { key });
  const path = `${home.path}/state/sealing-key.pem`;
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);

  const seal = (words: string[], input: string) =>
    runCommand({ command: Deno.execPath(), args: ["run", "-A", "--quiet", "--no-check", CTL] }, home.path, [
      "secret",
      "seal",
      ...words,
    ], input);
  const sealed = await seal(["shop", "--key", key], "hunter2\n");
  assertEquals([sealed.code, sealed.stderr, sealed.stdout.includes("hunter2")], [EXIT.ok, "", false]);
  const keys = await sealingKeysFromPem(await Deno.readTextFile(path));
  assertEquals(await openSecret(keys, "shop", sealed.stdout.trim()), "hunter2");
  for (
    const [words, input] of [[["shop"], "x"], [["shop", "--key", "x"], "x"], [
      ["shop", "--key", key],
      "",
    ]] as const
  ) {
    assertEquals((await seal([...words], input)).code, EXIT.usage);
  }

  await Deno.writeTextFile(path, "nonsense");
  const damaged = await home.json("secrets", "key");
  assertEquals([damaged.code, damaged.value.error.code], [EXIT.home, "state.unreadable"]);
});
