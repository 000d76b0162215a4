import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { RUN_ERRORS, runErrorFacts } from "../../src/protocol/run_errors.ts";

Deno.test("the page about errors has exactly the table's codes", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/errors.md", import.meta.url));
  const printed = page.split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  assertEquals(
    printed,
    Object.entries(RUN_ERRORS).map(([code, { meaning, retryable, remedy }]) => [
      `\`${code}\``,
      meaning,
      retryable ? "yes" : "no",
      remedy,
    ]),
  );
});

Deno.test("every code that the engine or a connector raises is in the table, and nothing else is", async () => {
  const raised = new Set(["internal", "state.unreadable"]); // what nobody foresaw becomes one of them
  for (const folder of ["engine", "connectors"]) {
    for await (const text of sourceTexts(fromFileUrl(new URL(`../../src/${folder}`, import.meta.url)))) {
      for (
        const [, code] of text.matchAll(/(?:new SallyportError|new DocumentFailure|super)\(\s*"([a-z.-]+)"/g)
      ) {
        raised.add(code!);
      }
    }
  }
  assertEquals([...raised].sort(), Object.keys(RUN_ERRORS).sort());
});

Deno.test("a code that is not in the table is taken for a defect", () => {
  assertEquals(runErrorFacts("platform.refused"), RUN_ERRORS.internal);
});

/** What browses is asked by a request, which fails by codes of its own (`docs/browsing.md`), and is no run. */
const BROWSING =
  /\/connectors\/((browse|connections|describe|mysql|openapi|postgres|sqlite)\/|disk\/browser\.ts)/;

async function* sourceTexts(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sourceTexts(path);
    else if (!BROWSING.test(path)) yield await Deno.readTextFile(path);
  }
}
