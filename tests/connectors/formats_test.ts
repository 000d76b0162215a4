import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { WRITE_FORMATS } from "../../src/connectors/formats/mod.ts";
import type { Document } from "../../src/engine/batch.ts";
import { read } from "./support.ts";

const CHUNKS = [1, 2, 5, 65_536];

Deno.test("NDJSON: a line fails by itself, and its text is not in the reason", async () => {
  const text = '{"a":1}\n\n[1]\n{"secret":\r\n{"a":2}\r\n"x"\n{"a":3}';
  for (const size of CHUNKS) {
    const { documents, failures, rows } = await read("ndjson", text, {}, size);
    assertEquals(documents, [{ a: 1 }, { a: 2 }, { a: 3 }]);
    assertEquals(rows, [1, 4, 6]);
    assertEquals(failures.map(({ line }) => line), [3, 4, 6]);
    for (const { reason } of failures) assertEquals(reason.includes("secret"), false);
  }
});

Deno.test("JSON: an array, one object, or the records at a path", async () => {
  for (const size of CHUNKS) {
    assertEquals((await read("json", ' [ {"a":"]}\\""} ,\n {"b":[1,{}]}]\n', {}, size)).documents, [
      { a: ']}"' },
      { b: [1, {}] },
    ]);
    assertEquals((await read("json", '{"a":{"b":1}}', {}, size)).documents, [{ a: { b: 1 } }]);
    assertEquals((await read("json", "[]", {}, size)).documents, []);
    assertEquals((await read("json", "", {}, size)).documents, []);
    const nested = '{"meta":{"orders":[9]},"n":12, "data": {"x":[[1]],"orders":[{"a":1},{"a":2}]}}';
    const { documents, failures } = await read("json", nested, { records: "data.orders" }, size);
    assertEquals([documents, failures], [[{ a: 1 }, { a: 2 }], []]);
  }
});

Deno.test("JSON: what is no object fails by itself; a broken text fails from there on", async () => {
  for (const size of CHUNKS) {
    const mixed = await read("json", '[{"a":1},\n2,"x",{"a":01},\n{"a":2}]', {}, size);
    assertEquals(mixed.documents, [{ a: 1 }, { a: 2 }]);
    assertEquals(mixed.failures.map(({ line }) => line), [2, 2, 2]);
    for (
      const broken of [
        '[{"a":1} {"a":2}]',
        '[{"a":1},',
        '[{"a":1}',
        '[{"a":1}]]',
        '[{"a":1},{"b":',
        '[{"a":1},]x',
      ]
    ) {
      const { documents, failures } = await read("json", broken, {}, size);
      assertEquals(documents, [{ a: 1 }], broken);
      assertEquals([failures.length, failures[0]?.cut], [1, true], broken);
    }
    const lost = await read("json", '{"data":1}', { records: "orders" }, size);
    assertStringIncludes(lost.failures[0]!.reason, 'no "orders"');
  }
});

Deno.test("JSON: any array of objects is read as JSON.parse reads it, at every chunk size", async () => {
  const documents = fc.array(fc.dictionary(fc.string(), fc.jsonValue()));
  await fc.assert(fc.asyncProperty(documents, fc.constantFrom(...CHUNKS), async (documents, size) => {
    const text = JSON.stringify(documents, null, size === 2 ? 2 : 0);
    assertEquals((await read("json", text, {}, size)).documents, JSON.parse(text));
  }));
});

Deno.test("XML: elements become documents", async () => {
  const text =
    '<?xml version="1.0"?><orders n="2">\n<order id="1"><name>A &amp; B</name><item>x</item><item>y</item>' +
    '</order>\n<order id="2"><name lang="de">Ä</name><![CDATA[raw <text>]]></order><other/></orders>';
  for (const size of CHUNKS) {
    const { documents, failures } = await read("xml", text, { element: "order" }, size);
    assertEquals(documents, [
      { "@id": "1", name: "A & B", item: ["x", "y"] },
      { "@id": "2", name: { "@lang": "de", "#text": "Ä" }, "#text": "raw <text>" },
    ]);
    assertEquals(failures, []);
  }
});

Deno.test("XML: a document type and its entities are refused, broken text fails from there on", async () => {
  const bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a><order>&y;</order></a>';
  const refused = await read("xml", bomb, { element: "order" });
  assertEquals(refused.documents, []);
  assertStringIncludes(refused.failures[0]!.reason, "DOCTYPE");
  const broken = await read("xml", "<a><order><x>1</x></order><order></a>", { element: "order" });
  assertEquals(broken.documents, [{ x: "1" }]);
  assertEquals([broken.failures.length, broken.failures[0]!.cut], [1, true]);
  const deep = await read("xml", "<a>".repeat(1000), { element: "order" });
  assertStringIncludes(deep.failures[0]!.reason, "deep");
});

function write(format: string, batches: Document[][], options: Record<string, unknown> = {}) {
  const failures: string[] = [];
  const defaults = format === "csv" ? { delimiter: "," } : {};
  const writer = WRITE_FORMATS.find(({ name }) => name === format)!.writer({ ...defaults, ...options });
  let text = writer.begin();
  for (const batch of batches) text += writer.write(batch, (_, { message }) => failures.push(message));
  return { text: text + writer.end(), failures };
}

Deno.test("writers: CSV, JSON and NDJSON", () => {
  const batches = [[{ a: 1, b: 'x,"y"' }], [{ a: null, b: " z" }, { a: { c: 1 } }]];
  assertEquals(write("csv", batches).text, 'a,b\n1,"x,""y"""\n," z"\n"{""c"":1}",\n');
  assertEquals(JSON.parse(write("json", batches).text), batches.flat());
  assertEquals(write("json", []).text, "[]\n");
  assertEquals(
    write("ndjson", batches).text.split("\n").filter(Boolean).map((line) => JSON.parse(line)),
    batches.flat(),
  );
});

Deno.test("writers: a CSV document with a field that has no column fails", () => {
  const { text, failures } = write("csv", [[{ a: 1 }, { a: 2, b: 3 }, { a: 4 }]]);
  assertEquals(text, "a\n1\n4\n");
  assertStringIncludes(failures.join(), '"b"');
});

Deno.test("writers: a document that is not JSON fails alone", () => {
  const { text, failures } = write("ndjson", [[{ a: 1 }, { a: 1n }, { a: 2 }]]);
  assertEquals([text, failures.length], ['{"a":1}\n{"a":2}\n', 1]);
});
