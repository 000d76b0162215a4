import { assert, assertEquals, assertMatch } from "@std/assert";
import { inWords } from "../../src/base/clock.ts";
import { CONDITIONS, conditionText, reasonIn } from "../../src/protocol/conditions.ts";

const KINDS = Object.entries(CONDITIONS);

Deno.test("a condition is not shown before a cause of it could be", () => {
  for (const [code, { dependsOn, visibleAfterMs }] of KINDS) {
    assertMatch(code, /^[a-z]+\.[a-z-]+$/);
    for (const cause of dependsOn) {
      assert(cause !== code && CONDITIONS[cause].visibleAfterMs <= visibleAfterMs, `${code} and ${cause}`);
    }
  }
});

Deno.test("the page about health has exactly the table's conditions", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/health.md", import.meta.url));
  const printed = page.split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  assertEquals(
    printed,
    KINDS.map(([code, { severity, status, visibleAfterMs, dependsOn, remedy }]) => [
      `\`${code}\``,
      severity,
      status,
      visibleAfterMs === 0 ? "at once" : inWords(visibleAfterMs),
      dependsOn.map((cause) => `\`${cause}\``).join(", "),
      remedy,
    ]),
  );
});

Deno.test("a reason is found behind its code, and a text without one is left whole", () => {
  const reason = "in:1: source: is missing";
  assertEquals(reasonIn(conditionText({ code: "process.rejected", reason })), reason);
  for (const text of [reason, "", "toString: of an object", "no code"]) assertEquals(reasonIn(text), text);
});
