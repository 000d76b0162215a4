import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { read } from "./support.ts";

const CHUNKS = [1, 2, 3, 7, 64, 65_536];

Deno.test("CSV: cells, quotes, delimiters and line ends inside quotes, at every chunk size", async () => {
  const text = 'id,name,note\r\n1,"a, b","said ""hi"""\r\n2,,"two\nlines"\n3,5" pipe,x\n\n4,"",end';
  for (const size of CHUNKS) {
    const { documents, rows, failures } = await read("csv", text, {}, size);
    assertEquals(documents, [
      { id: "1", name: "a, b", note: 'said "hi"' },
      { id: "2", name: "", note: "two\nlines" },
      { id: "3", name: '5" pipe', note: "x" },
      { id: "4", name: "", note: "end" },
    ]);
    assertEquals([rows, failures], [[1, 2, 3, 4], []]);
  }
});

const MALFORMED: [what: string, line: string, reason: string][] = [
  ["too few columns", "2,x", "too few columns: 2 instead of 3"],
  ["too many columns", "2,x,y,z", "too many columns: 4 instead of 3"],
  ["characters after a closing quote", '2,"x"y,z', "characters after a closing quote"],
  ["a space after a closing quote", '2,"x" ,z', "characters after a closing quote"],
  ["a quote that is not closed", '2,"x,z', "a quote that is not closed"],
];

for (const [what, line, reason] of MALFORMED) {
  Deno.test(`CSV: ${what} fails that row and no other`, async () => {
    for (const size of CHUNKS) {
      const { documents, failures } = await read("csv", `a,b,c\n1,x,y\n${line}\n3,x,y\n4,x,y\n`, {}, size);
      assertEquals(documents.map(({ a }) => a), ["1", "3", "4"]);
      assertEquals(failures.length, 1);
      assertStringIncludes(failures[0]!.reason, reason);
      assertStringIncludes(failures[0]!.reason, "document.malformed");
      assertEquals([failures[0]!.row, failures[0]!.line, failures[0]!.original], [2, 3, line]);
    }
  });
}

Deno.test("CSV: an open quote that meets a later quote still costs only its own line", async () => {
  const text = 'a,b\n1,"open\n2,fine\n3,"quoted"\n4,fine\n';
  for (const size of CHUNKS) {
    const { documents, failures } = await read("csv", text, {}, size);
    assertEquals(documents.map(({ a }) => a), ["2", "3", "4"]);
    assertEquals(failures.map(({ line, original }) => [line, original]), [[2, '1,"open']]);
  }
});

Deno.test("CSV: lines are counted through quoted line ends", async () => {
  const { failures } = await read("csv", 'a,b\n1,"x\ny\nz"\nbad\n2,y\nworse,1,2\n');
  assertEquals(failures.map(({ row, line }) => [row, line]), [[2, 5], [4, 7]]);
});

Deno.test("CSV: a byte order mark is dropped, an empty file has no documents", async () => {
  assertEquals((await read("csv", "\ufeffid\n1\n", {}, 1)).documents, [{ id: "1" }]);
  assertEquals((await read("csv", "\ufeffid\n1\n")).documents, [{ id: "1" }]);
  assertEquals((await read("csv", "")).documents, []);
  assertEquals((await read("csv", "id\n")).documents, []);
});

Deno.test("CSV: bytes that are not UTF-8 fail their row, and the original tells them", async () => {
  const bytes = new Uint8Array([
    ...new TextEncoder().encode("id,n\n1,ä\n2,"),
    0xe4,
    0x0a,
    0x33,
    0x2c,
    0x7a,
    0x0a,
  ]);
  for (const size of CHUNKS) {
    const { documents, failures } = await read("csv", bytes, {}, size);
    assertEquals(documents, [{ id: "1", n: "ä" }, { id: "3", n: "z" }]);
    assertEquals(failures.map(({ line, original }) => [line, original]), [[3, "2,\udce4"]]);
  }
  const latin = await read("csv", bytes.slice(10), { header: ["id", "n"], encoding: "windows-1252" });
  assertEquals(latin.documents[0], { id: "2", n: "ä" });
});

Deno.test("CSV: without a usable header the whole file is one failed document", async () => {
  for (const text of ["a,b,a\n1,2,3\n", 'a,"b\n1,2\n', 'a,"b"c\n1,2\n']) {
    const { documents, failures } = await read("csv", text);
    assertEquals([documents.length, failures.length, failures[0]!.cut], [0, 1, true]);
    assertStringIncludes(failures[0]!.reason, "is the header");
  }
});

Deno.test("CSV: a delimiter, a quote and column names can be given", async () => {
  const { documents } = await read("csv", "1;'x;y'\n", { delimiter: ";", quote: "'", header: ["a", "b"] });
  assertEquals(documents, [{ a: "1", b: "x;y" }]);
});

Deno.test("CSV: names that mean something to JavaScript are columns like any other", async () => {
  const { documents } = await read("csv", "__proto__,constructor\nx,y\n");
  assertEquals(Object.entries(documents[0]!), [["__proto__", "x"], ["constructor", "y"]]);
});

/** Written apart from the reader, quoting whenever it likes. */
function toCsv(table: string[][], quoteAlways: boolean, newline: string): string {
  const cell = (text: string) =>
    quoteAlways || /[",\r\n]/.test(text) || text === "" ? `"${text.replaceAll('"', '""')}"` : text;
  return table.map((row) => row.map(cell).join(",") + newline).join("");
}

Deno.test("CSV: what another program wrote is read back equal, at every chunk size", async () => {
  const text = fc.string({
    unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é", "😀", "x1"),
    maxLength: 8,
  });
  const tables = fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.array(fc.array(text, { minLength: width, maxLength: width }), { maxLength: 8 })
  );
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.boolean(),
      fc.constantFrom("\n", "\r\n"),
      fc.constantFrom(...CHUNKS),
      async (rows, always, newline, size) => {
        const header = (rows[0] ?? ["a"]).map((_, i) => `c${i}`);
        const { documents, failures } = await read(
          "csv",
          toCsv([header, ...rows], always, newline),
          {},
          size,
        );
        assertEquals(failures, []);
        assertEquals(documents.map((document) => Object.values(document)), rows);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("CSV: whatever bytes come, every line is accounted for and chunks make no difference", async () => {
  const noise = fc.array(
    fc.constantFrom(...'ab,"\n\r '.split("").map((c) => c.charCodeAt(0)), 0xff, 0xc3, 0xa4),
    {
      maxLength: 60,
    },
  );
  await fc.assert(
    fc.asyncProperty(noise, fc.constantFrom(1, 2, 5), async (noise, size) => {
      const bytes = new Uint8Array([...new TextEncoder().encode("h,i\n"), ...noise]);
      assertEquals(await read("csv", bytes, {}, size), await read("csv", bytes, {}, 65_536));
    }),
    { numRuns: 500 },
  );
});
