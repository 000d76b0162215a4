import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { Spool } from "../../src/spool/spool.ts";
import { COPY_PROCESS, Fleet } from "../support/fleet.ts";
import { DOCUMENTS, RUN_STARTED } from "../support/records.ts";
import { Home } from "./support.ts";

const FILES = {
  kind: "run-files",
  runId: RUN_STARTED.runId,
  files: [{ role: "source", name: "Ada.csv", directory: "data/in", bytes: 1, documents: 1, failed: 0 }],
};

/** Puts payloads into the spool of a home. */
function spool(home: Home, ...payloads: ({ kind: string } & Record<string, unknown>)[]): void {
  Deno.mkdirSync(`${home.path}/state`, { recursive: true });
  const db = openDatabase(`${home.path}/state/sallyport.db`);
  const spool = new Spool(db, systemClock);
  for (const payload of payloads) spool.put(payload.kind === "documents" ? "data" : "tracking", payload);
  db.close();
}

Deno.test("policy init prints a file that is valid and says what holds without it", async () => {
  await using home = await Home.make();
  const { code, stdout } = await home.run("policy", "init");
  assertEquals(code, EXIT.ok);
  await home.write("policy.yaml", stdout);
  const written = await home.json("policy", "check");
  assertEquals([written.code, written.value.hash], [EXIT.ok, DEFAULT_POLICY.hash]);
  assertEquals([written.value.source, written.value.problems, written.value.warnings], [
    "policy.yaml",
    [],
    [],
  ]);
  assertEquals((await home.json("policy", "init")).value.policy.trimEnd(), stdout.trimEnd());
});

Deno.test("policy check names what is wrong by line and column, warns, and shows what the policy decides", async () => {
  await using home = await Home.make();
  const none = await home.json("policy", "check");
  assertEquals([none.code, none.value.source, none.value.hash], [EXIT.ok, "default", DEFAULT_POLICY.hash]);
  assertStringIncludes(
    (await home.run("policy", "check")).stdout,
    "There is no policy.yaml; the default holds.",
  );

  await home.write("bad.yaml", "status: allow\ntracking: { names: hashd }\n");
  const bad = await home.json("policy", "check", "bad.yaml");
  assertEquals([bad.code, bad.value.valid], [EXIT.invalidInput, false]);
  const { line, column, field } = bad.value.problems[0];
  assertEquals([line, column, field], [2, 13, "tracking.names"]);
  const words = await home.run("policy", "check", "bad.yaml");
  assertEquals(words.code, EXIT.invalidInput);
  assertStringIncludes(words.stdout, 'bad.yaml:2:13: tracking.names: is "hashd"');

  await home.write("good.yaml", "tracking: { names: hashed, budget: 2 MiB }\nlogs: ask\n");
  const good = await home.run("policy", "check", "good.yaml");
  assertEquals(good.code, EXIT.ok);
  assert(/tracking\s+allow\s+2 MiB\s+names hashed; directories plain/.test(good.stdout), good.stdout);
  assertStringIncludes(good.stdout, "good.yaml:1:1: says nothing of status (allow)");
  // Looking at a policy makes no key.
  assertEquals([...Deno.readDirSync(home.path)].some(({ name }) => name === "state"), false);

  const missing = await home.json("policy", "check", "none.yaml");
  assertEquals([missing.code, missing.value.error.code], [EXIT.invalidInput, "file.missing"]);
});

Deno.test("policy preview judges what waits, shows what would change, and changes nothing", async () => {
  await using home = await Home.make();
  assertStringIncludes((await home.run("policy", "preview")).stdout, "Nothing waits");
  spool(home, RUN_STARTED, FILES, { ...RUN_STARTED, customer: "Ada" });
  const plain = await home.json("policy", "preview");
  assertEquals(plain.value.counts, { allow: 2, shape: 0, hold: 0, drop: 1 });

  await home.write("hash.yaml", "tracking: { names: hashed }\n");
  const hashed = await home.json("policy", "preview", "--policy", "hash.yaml");
  assertEquals(hashed.value.counts, { allow: 1, shape: 1, hold: 0, drop: 1 });
  const [, shaped, dropped] = hashed.value.payloads;
  assertEquals(shaped.changes.length, 1);
  assertEquals([shaped.changes[0].field, shaped.changes[0].before], ["files[0].name", '"Ada.csv"']);
  assert(shaped.changes[0].after.startsWith('"hashed-'));
  assertStringIncludes(dropped.reason, "customer");
  const { stdout } = await home.run("policy", "preview", "--policy", "hash.yaml");
  assertStringIncludes(stdout, 'files[0].name: "Ada.csv" → "hashed-');
  const limited = await home.run("policy", "preview", "--limit", "1");
  assertStringIncludes(limited.stdout, "... and 2 more");

  await home.write("policy.yaml", "tracking: [\n");
  const broken = await home.json("policy", "preview");
  assertEquals(broken.value.counts, { allow: 0, shape: 0, hold: 3, drop: 0 });
  assertStringIncludes(broken.value.fault, "policy.yaml:");
  await home.write("policy.yaml", "tracking: deny\n");
  assertEquals((await home.json("policy", "preview")).value.counts, { allow: 0, shape: 0, hold: 0, drop: 3 });
});

Deno.test("policy preview and explain judge fields of documents as what waits of the class data", async () => {
  await using home = await Home.make();
  const card = { row: 2, result: "out", fields: { order: "4111111111111111" } };
  spool(home, RUN_STARTED, { ...DOCUMENTS, documents: [DOCUMENTS.documents[0], card] });
  const preview = async () => (await home.json("policy", "preview")).value.payloads;
  const [tracking, denied] = await preview();
  assertEquals([denied.class, denied.verdict, denied.reason], [
    "data",
    "drop",
    "the policy denies the class data",
  ]);
  assertEquals([tracking.class, tracking.verdict], ["tracking", "allow"]);

  await home.write("policy.yaml", "data: { send: allow, until: 2999-12-31 }\n");
  const [, shaped] = await preview();
  assertEquals([shaped.verdict, shaped.changes], ["shape", [{
    field: "documents[1].fields.order",
    before: '"4111111111111111"',
    after: '"[redacted: card number]"',
  }]]);
  assert(/data\s+1\s+documents\s+shape/.test((await home.run("policy", "preview")).stdout));
  const { value } = await home.json("policy", "explain", "data");
  assertEquals([value.example.from, value.example.verdict, value.tracked], ["spool, seq 1", "shape", []]);
  const { stdout } = await home.run("policy", "explain", "data");
  assertStringIncludes(stdout, "no channel for what is asked of it yet");
  assertStringIncludes(stdout, "No process here tracks fields.");
  assertStringIncludes(stdout, '"order": "[redacted: card number]"');
});

Deno.test("policy preview counts what each payload takes of the day's budget, and holds in the order of the spool", async () => {
  await using home = await Home.make();
  const files = Array.from(
    { length: 100 },
    (_, i) => ({ ...FILES.files[0], name: `${i}-${"x".repeat(240)}` }),
  );
  spool(home, ...Array.from({ length: 50 }, () => ({ ...FILES, files })), RUN_STARTED);
  await home.write("policy.yaml", "tracking: { budget: 1 MiB }\n");
  const { value } = await home.json("policy", "preview", "--limit", "100");
  assert(value.counts.allow > 20 && value.counts.hold > 10, JSON.stringify(value.counts));
  assertEquals(value.payloads.at(-1).verdict, "hold");
  assertStringIncludes(value.payloads.at(-1).reason, "1 MiB a day");
});

Deno.test("policy explain shows a real record in the form in which it would leave, and answers requests", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  const agent = fleet.startAgent();
  await agent.connected();
  await fleet.stopPlatform();
  await agent.line(({ message }) => message === "not connected");
  await fleet.drop("data/in/Ada.csv", "id,amount\n1,2\n");
  await agent.line(({ message }) => message === "run ended");
  await Deno.writeTextFile(
    `${fleet.home}/new.yaml`,
    "tracking: { names: hashed }\nstatus: { attributes: [os.*] }\n",
  );
  // deno-lint-ignore no-explicit-any -- what a script would see: anything
  const explain = (...words: string[]) => fleet.json<any>(["policy", "explain", ...words]);

  const tracking = await explain("tracking", "--policy", "new.yaml");
  assertEquals([tracking.send, tracking.example.verdict], ["allow", "shape"]);
  assert(tracking.example.payload.files[0].name.startsWith("hashed-"), JSON.stringify(tracking));
  const status = await explain("status", "--policy", "new.yaml");
  assertStringIncludes(status.example.from, "ledger, entry");
  assertEquals(status.example.payload.agentDescription.nonIdentifyingAttributes[0].key, "os.type");
  assert(status.bytesToday > 0);
  const { stdout } = await fleet.run(["policy", "explain", "tracking"]);
  assertStringIncludes(stdout, '"name": "Ada.csv"');
});

Deno.test("policy explain answers what a request would be told, and says what has no channel yet", async () => {
  await using home = await Home.make();
  await home.write(
    "policy.yaml",
    "logs: { requesters: ['*@example.com'] }\ndata: { send: ask, until: 2999-01-31 }\n",
  );
  const ask = async (...words: string[]) => (await home.json("policy", "explain", ...words)).value.request;
  assertEquals((await ask("logs")).verdict, "drop");
  assertEquals((await ask("logs", "--requester", "ada@example.com")).verdict, "allow");
  assertEquals((await ask("data", "--process", "orders")).verdict, "hold");
  assertEquals(await ask("tracking"), null);
  const { stdout } = await home.run("policy", "explain", "data");
  assertStringIncludes(stdout, "no channel for what is asked of it yet");
  assertStringIncludes((await home.run("policy", "explain", "tracking")).stdout, "no record of it yet");
  const wrong = await home.json("policy", "explain", "secrets");
  assertEquals(wrong.code, EXIT.usage);
});
