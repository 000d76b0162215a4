import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { corpusOf, fuzz, tryInput } from "../scripts/fuzz/fuzz.ts";
import { mutate, seeded } from "../scripts/fuzz/mutate.ts";
import { TARGETS } from "../scripts/fuzz/targets/mod.ts";

/** Enough to see that a target works; `deno task fuzz` looks for longer. */
const INPUTS = 1_000;

for (const target of TARGETS) {
  Deno.test(`${target.name}: nothing of its corpus, and no change of it, does what it must not`, async () => {
    const { tried, finding } = await fuzz(target, 1, (tried) => tried < INPUTS);
    assertEquals(finding && { ...finding, input: finding.input.toBase64() }, undefined);
    assert(tried >= INPUTS);
  });
}

Deno.test("a finding is found: an error that is none of ours, and an input that takes too long", async () => {
  const target = { name: "broken", dictionary: ["x"], run: () => {} };
  const broken = { ...target, run: () => void JSON.parse("{") };
  assert((await tryInput(broken, new Uint8Array()))?.reason.includes("SyntaxError"));
  const slow = { ...target, run: () => new Promise<void>((resolve) => setTimeout(resolve, 1_100)) };
  assert((await tryInput(slow, new Uint8Array()))?.reason.includes("took"));
});

Deno.test("the same seed gives the same inputs, another one others", async () => {
  const corpus = await corpusOf(TARGETS[0]!);
  const first = (seed: number) => {
    const random = seeded(seed);
    return Array.from({ length: 20 }, () => mutate(corpus, ["a"], random).toBase64());
  };
  assertEquals(first(7), first(7));
  assertNotEquals(first(7), first(8));
});
