import { assert, assertEquals, assertRejects } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { MAX_SAMPLE_BYTES } from "../../src/base/limits.ts";
import { conformance, ROW_CANARY, STRANGE_NAMES } from "./browse_conformance.ts";
import type { Browsed } from "./browse_conformance.ts";
import { BrowseHome, ofKind, thingsOf } from "./browse_support.ts";

const DEFINITION = { disk: { path: "files" } };

conformance("disk", (): Promise<Browsed> => {
  const home = new BrowseHome();
  home.write("files/a/orders.csv", `id,note,amount\n1,${ROW_CANARY},4711\n2,x,3.5\n`);
  home.write("files/a/orders.json", JSON.stringify([{ id: 1, note: ROW_CANARY, lines: [{ price: 1 }] }]));
  home.write("files/b.ndjson", `{"id":1,"note":"${ROW_CANARY}"}\n{"id":2}\n`);
  home.write("files/c.xml", `<orders><order id="1"><note>${ROW_CANARY}</note></order></orders>`);
  home.write("files/d.bin", ROW_CANARY);
  const strange = STRANGE_NAMES.map((name) => `${name}.csv`);
  for (const name of strange) home.write(`files/z/${name}`, `one,two\n${ROW_CANARY},2\n`);
  return Promise.resolve({
    home,
    definition: DEFINITION,
    things: ["orders.csv", "orders.json", "b.ndjson", "c.xml", "d.bin", ...[...strange].sort()],
    strange,
    texts: [],
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  });
});

/** The fields of one file, each as `path: types`, with a `?` for one that is not in every document. */
async function fieldsOf(
  name: string,
  content: string | Uint8Array,
  options: Record<string, unknown> = {},
): Promise<{ fields: string[]; problem: string | undefined }> {
  await using home = new BrowseHome();
  home.write(`files/${name}`, content);
  const records = await home.page({ disk: { path: "files", ...options } });
  const fields = ofKind(records, "field").map(({ path, types, optional }) =>
    `${path.join(".")}${optional ? "?" : ""}: ${types.join("|")}`
  );
  return { fields, problem: ofKind(records, "file")[0]!.problem };
}

Deno.test("browse CSV: the names of the header and what the cells look like", async () => {
  const rows = "id;Größe (cm);paid;day;at;code;empty\n" +
    '1;1,5;true;2026-01-31;2026-01-31T10:00:00Z;007;\n2;2;false;2026-02-01;2026-02-01 11:00;12;""\n';
  assertEquals((await fieldsOf("a.csv", rows)).fields, [
    "id: integer",
    "Größe (cm): number",
    "paid: boolean",
    "day: date",
    "at: time",
    "code: text",
    "empty?: ",
  ]);
  const tabs = await fieldsOf("a.TSV", "one\ttwo\nx\t1\n\t2\n");
  assertEquals(tabs.fields, ["one?: text", "two: integer"]);
});

Deno.test("browse CSV: a first line that may be a row is told by no word", async () => {
  const lines = [
    "1,Ada,ada@example.com",
    "Ada,Ada,Lovelace",
    "Ada,2026-01-31,x",
    `4711-0815-2342-1234,x,y`,
    "Ada,,x",
    `${"very ".repeat(60)},b,c`,
    "Ada,+49 170 1234567,x",
  ];
  for (const line of lines) {
    const { fields } = await fieldsOf("a.csv", `${line}\n${line}\n`);
    assertEquals(fields.map((field) => field.split(/[?:]/)[0]), ["column_1", "column_2", "column_3"], line);
  }
  // The operator knows better, either way.
  assertEquals((await fieldsOf("a.csv", "Ada,Berlin\n", { header: false })).fields, [
    "column_1: text",
    "column_2: text",
  ]);
  assertEquals((await fieldsOf("a.csv", "2025,2026\n1,2\n", { header: true })).fields, [
    "2025: integer",
    "2026: integer",
  ]);
});

Deno.test("browse CSV: a header of 10 MB, an empty file, damage and other encodings", async () => {
  assertEquals(await fieldsOf("a.csv", "x,".repeat(5_000_000)), { fields: [], problem: "line-too-long" });
  assertEquals(await fieldsOf("a.csv", ""), { fields: [], problem: undefined });
  assertEquals(await fieldsOf("a.csv", 'a,"b\n1,2\n'), { fields: [], problem: "malformed" });
  const latin = new Uint8Array([
    ...new TextEncoder().encode("id,Stra"),
    0xdf,
    ...new TextEncoder().encode("e\n1,x\n"),
  ]);
  assertEquals((await fieldsOf("a.csv", latin)).fields, ["id: integer", "Straße: text"]);
  const long = `id,note\n${`1,${"x".repeat(100)}\n`.repeat(20_000)}`;
  assert(long.length > MAX_SAMPLE_BYTES);
  assertEquals((await fieldsOf("a.csv", long)).fields, ["id: integer", "note: text"]);
  const wide = Array.from({ length: 9_000 }, (_, i) => `c${i}`).join(",");
  const { fields, problem } = await fieldsOf("a.csv", `${wide}\n`);
  assertEquals([fields.length, problem], [4_999, "too-many-parts"]);
});

Deno.test("browse JSON: paths, types, and what is not always there", async () => {
  const text = JSON.stringify([
    { id: 1, total: 1.5, tags: ["a"], when: "2026-01-31", customer: { name: "Ada", mail: null } },
    { id: 2, total: 2, tags: [], when: "2026-02-01", customer: { name: "Bob" }, extra: true },
  ]);
  const fields = [
    "[]: object",
    "[].id: integer",
    "[].total: number",
    "[].tags: array",
    "[].tags.[]: text",
    "[].when: date",
    "[].customer: object",
    "[].customer.name: text",
    "[].customer.mail?: null",
    "[].extra?: boolean",
  ];
  assertEquals((await fieldsOf("a.json", text)).fields, fields);
  assertEquals((await fieldsOf("a.json", `\ufeff${text}\n`)).fields, fields);
  const lines = '{"a":1}\n\n{"a":"x","b":{}}\r\n';
  assertEquals((await fieldsOf("a.jsonl", lines)).fields, ["a: integer|text", "b?: object"]);
});

Deno.test("browse JSON: keys that are values are one field", async () => {
  const people = Object.fromEntries(
    ["ada@example.com", "4711", "550e8400-e29b-41d4-a716-446655440000", "49 170 1234567"]
      .map((key) => [key, { age: 1 }]),
  );
  assertEquals((await fieldsOf("a.json", JSON.stringify({ people }))).fields, [
    "people: object",
    "people.*?: object",
    "people.*.age: integer",
  ]);
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`Customer ${String.fromCharCode(97 + i % 26)}${i}`, { n: i }]),
  );
  assertEquals((await fieldsOf("a.json", JSON.stringify(many))).fields, ["*?: object", "*.n: integer"]);
});

Deno.test("browse JSON: broken, deep, endless, and no text", async () => {
  for (const text of ['{"a":1', '{"a" 1}}', "[1]]", '{"a":tru}', "nonsense"]) {
    assertEquals((await fieldsOf("a.json", text)).problem, "malformed", text);
  }
  assertEquals((await fieldsOf("a.json", new Uint8Array([0x7b, 0xff, 0xfe]))).problem, "not-text");
  const deep = await fieldsOf("a.json", '{"a":'.repeat(100_000));
  assertEquals(deep.problem, "malformed");
  const endless = `{"rows":[${'{"id":1,"note":"x"},'.repeat(100_000)}`;
  assert(endless.length > MAX_SAMPLE_BYTES);
  assertEquals(await fieldsOf("a.json", endless), {
    fields: ["rows: array", "rows.[]: object", "rows.[].id: integer", "rows.[].note: text"],
    problem: undefined,
  });
});

Deno.test("browse XML: elements and attributes; a bomb of entities is refused before it goes off", async () => {
  const xml =
    '<orders><order id="1"><line>1</line><line>x</line><note lang="de">Hi</note></order><order id="2"/></orders>';
  assertEquals((await fieldsOf("a.xml", xml)).fields, [
    "orders: object",
    "orders.order: array|object",
    "orders.order.@id: integer",
    "orders.order.line?: array|integer|text",
    "orders.order.note?: object",
    "orders.order.note.@lang: text",
    "orders.order.note.#text: text",
  ]);
  const bomb = `<!DOCTYPE x [<!ENTITY a "${"ha".repeat(10)}">${
    Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i} "${`&a${i || ""};`.repeat(10)}">`).join("")
  }]><x>&a8;</x>`;
  assertEquals(await fieldsOf("a.xml", bomb), { fields: [], problem: "document-type" });
  assertEquals((await fieldsOf("a.xml", "<a><b></a>")).problem, "malformed");
  assertEquals((await fieldsOf("a.xml", "<a>".repeat(1_000))).problem, "malformed");
});

Deno.test("browse disk: links and hidden files are passed over, a missing folder is an error", async () => {
  await using home = new BrowseHome();
  home.write("files/a.csv", "x\n1\n");
  home.write("files/.hidden.csv", "x\n1\n");
  home.secret("password", "hunter2");
  await Deno.symlink(`${home.path}/secrets/password`, `${home.path}/data/files/b.csv`);
  await Deno.symlink(`${home.path}/secrets`, `${home.path}/data/files/c`);
  assertEquals(thingsOf(await home.page(DEFINITION)), ["a.csv"]);
  const error = await assertRejects(() => home.page({ disk: { path: "nowhere" } }), SallyportError);
  assertEquals(error.code, "schema.unreadable");
});
