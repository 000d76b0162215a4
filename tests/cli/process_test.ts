import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { COPY_PROCESS } from "../support/fleet.ts";
import { Home } from "./support.ts";

Deno.test("process check tells valid definitions from others, by exit code and by line", async () => {
  await using home = await Home.make();
  await home.write("good.yaml", COPY_PROCESS);
  await home.write("bad.yaml", COPY_PROCESS.replace("format: csv", "format: cvs"));

  const good = await home.json("process", "check", "good.yaml");
  assertEquals([good.code, good.value.valid, good.value.files[0].process], [EXIT.ok, true, "copy"]);
  const text = await home.run("process", "check", "good.yaml");
  assertEquals(text.code, EXIT.ok);
  assert(/good\.yaml\s+copy\s+1/.test(text.stdout), text.stdout);

  const both = await home.json("process", "check", "good.yaml", "bad.yaml");
  assertEquals([both.code, both.value.valid], [EXIT.invalidInput, false]);
  // deno-lint-ignore no-explicit-any -- what a script would see: anything
  assertEquals(both.value.files.map(({ valid }: any) => valid), [true, false]);
  const named = await home.run("process", "check", "bad.yaml");
  assertEquals(named.code, EXIT.invalidInput);
  assertStringIncludes(named.stdout, "bad.yaml:5:");

  const missing = await home.json("process", "check", "none.yaml");
  assertEquals([missing.code, missing.value.error.code], [EXIT.invalidInput, "file.missing"]);
});

Deno.test("process check shows which fields a process tracks, until when, and that the time is over", async () => {
  await using home = await Home.make();
  const tracking = (until: string) =>
    `${COPY_PROCESS}track: { until: ${until}, fields: { order: id, "a b": amount } }\n`;
  await home.write("good.yaml", tracking("2999-12-31"));
  await home.write("old.yaml", tracking("2020-12-31T10:00Z"));
  const { value } = await home.json("process", "check", "good.yaml", "old.yaml");
  // deno-lint-ignore no-explicit-any -- what a script would see: anything
  assertEquals(value.files.map(({ tracks }: any) => tracks), [
    { until: "2999-12-31T23:59:59Z", fields: ["order", "a b"] },
    { until: "2020-12-31T10:00:00Z", fields: ["order", "a b"] },
  ]);
  const { stdout } = await home.run("process", "check", "good.yaml", "old.yaml");
  assertStringIncludes(stdout, "order, a b until 2999-12-31T23:59:59Z\n");
  assertStringIncludes(stdout, "order, a b until 2020-12-31T10:00:00Z, which has passed");
});

Deno.test("process run tells nobody of documents, whatever the process tracks and the policy allows", async () => {
  await using home = await Home.make();
  await home.write("policy.yaml", "data: { send: allow, until: 2999-12-31 }\n");
  await home.write("copy.yaml", `${COPY_PROCESS}track: { until: 2999-12-31, fields: { order: id } }\n`);
  await home.write("data/in/a.csv", "id,amount\n1,2.5\n");
  assertEquals((await home.json("process", "run", "copy.yaml")).value.outcome, "succeeded");
  assertStringIncludes((await home.run("policy", "preview")).stdout, "Nothing waits");
});

Deno.test("a file outside the home cannot be read, and the error says why", async () => {
  await using home = await Home.make();
  await using other = await Home.make();
  await other.write("good.yaml", COPY_PROCESS);
  const { code, value } = await home.json("process", "check", `${other.path}/good.yaml`);
  assertEquals([code, value.error.code], [EXIT.invalidInput, "file.missing"]);
  assertStringIncludes(value.error.remedy, "outside its home");
});

Deno.test("process run takes what waits through the process and tells how it went", async () => {
  await using home = await Home.make();
  await home.write("copy.yaml", COPY_PROCESS);
  await home.write("data/in/a.csv", "id,amount\n1,2.5\n2,3\n");
  const { code, value } = await home.json("process", "run", "copy.yaml");
  assertEquals([code, value.outcome, value.documents.in, value.documents.out], [EXIT.ok, "succeeded", 2, 2]);
  assertEquals(
    await Deno.readTextFile(`${home.path}/data/out/a.ndjson`),
    '{"id":"1","amount":2.5}\n{"id":"2","amount":3}\n',
  );

  await home.write("data/in/b.csv", "id,amount\n1,2.5\n2,many\n");
  const partial = await home.run("process", "run", "copy.yaml");
  assertEquals(partial.code, EXIT.ok);
  assertStringIncludes(partial.stdout, "copy partial");
  assertStringIncludes(partial.stdout, "2 documents in, 1 out, 0 filtered, 1 failed");

  await home.write("data/in/c.csv", "id,amount\n1,none\n2,3\n");
  const strict = await home.json("process", "run", "copy.yaml", "--strict");
  assertEquals([strict.code, strict.value.outcome], [EXIT.failed, "partial"]);
});

Deno.test("process run of a definition that is not valid names each problem on a line of its own", async () => {
  await using home = await Home.make();
  const bad = COPY_PROCESS.replace("format: csv", "format: cvs").replace("as: number", "as: nought");
  await home.write("bad.yaml", bad);
  const { code, stdout, stderr } = await home.run("process", "run", "bad.yaml");
  assertEquals([code, stdout], [EXIT.invalidInput, ""]);
  const lines = stderr.trim().split("\n");
  assert(lines[0]!.startsWith("error bad.yaml:5:"), stderr);
  assert(lines[1]!.startsWith("bad.yaml:7:"), stderr);
  assertEquals(lines.at(-1), "(process.invalid)");
  const { value } = await home.json("process", "run", "bad.yaml");
  assertEquals(value.error.code, "process.invalid");
});

Deno.test("process schema is a JSON Schema, with --json on one line", async () => {
  await using home = await Home.make();
  const { code, value } = await home.json("process", "schema");
  assertEquals([code, value.type, value.title], [EXIT.ok, "object", "Sallyport process"]);
  const text = await home.run("process", "schema");
  assertEquals([text.code, JSON.parse(text.stdout)], [EXIT.ok, value]);
});
