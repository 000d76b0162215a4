import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readerOf } from "./support.ts";

const MIB = 1024 * 1024;

/** Bytes before, then 100 MiB without a line end, then bytes after. */
async function* hundredMegabytes(before: string, filler: string, after: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(before);
  const chunk = new TextEncoder().encode(filler.repeat(256 * 1024 / filler.length));
  for (let i = 0; i < 400; i++) yield await Promise.resolve(chunk);
  yield new TextEncoder().encode(after);
}

const CASES: [
  format: string,
  options: Record<string, unknown>,
  before: string,
  filler: string,
  after: string,
][] = [
  ["csv", {}, "a,b\n1,x\n2,", "y", "\n3,z\n"],
  ["csv", {}, 'a,b\n1,x\n2,"', "y", '"\n3,z\n'],
  ["ndjson", {}, '{"a":1}\n{"a":"', "y", '"}\n{"a":3}\n'],
  ["json", {}, '[{"a":1},{"a":"', "y", '"},{"a":3}]'],
  ["xml", { element: "o" }, "<r><o><a>1</a></o><o>", "<a>12</a>", "</o><o><a>3</a></o></r>"],
];

for (const [format, options, before, filler, after] of CASES) {
  Deno.test(`${format}: 100 MiB on one line fail in bounded memory, and the others go on (${before.slice(-3)})`, async () => {
    const documents: unknown[] = [];
    const reasons: string[] = [];
    let peak = 0;
    for await (const batch of readerOf(format, options)(hundredMegabytes(before, filler, after))) {
      documents.push(...batch.documents);
      reasons.push(...batch.unread.map(({ failure }) => failure.code));
      peak = Math.max(peak, ...batch.unread.map(({ original }) => original.length));
    }
    assertEquals(documents.length, 2);
    assertEquals(reasons, ["document.too-large"]);
    assert(peak <= 4096);
    assertStringIncludes(JSON.stringify(documents), "3");
    // Of the 100 MiB no more than a few times the limit of one document was ever held.
    assert(Deno.memoryUsage().rss < 700 * MIB);
  });
}
