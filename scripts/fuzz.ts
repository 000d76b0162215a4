/**
 * Feeds random changes of known inputs to everything that takes bytes from outside.
 *
 *     deno task fuzz [TARGET] [--seconds N] [--seed N]
 */
import { parseArgs } from "@std/cli/parse-args";
import { fuzz, keep } from "./fuzz/fuzz.ts";
import { TARGETS } from "./fuzz/targets/mod.ts";

const { _: words, ...options } = parseArgs(Deno.args, { string: ["seconds", "seed"] });
const targets = TARGETS.filter(({ name }) => words.length === 0 || words.includes(name));
const seconds = Number(options.seconds ?? 60);
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 32));
if (targets.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(
    `Usage: deno task fuzz [${TARGETS.map(({ name }) => name).join(" | ")}] [--seconds N] [--seed N]`,
  );
  Deno.exit(2);
}

let failed = false;
for (const target of targets) {
  const end = performance.now() + seconds * 1_000 / targets.length;
  const { tried, finding } = await fuzz(target, seed, () => performance.now() < end);
  console.log(`${target.name}: ${tried} inputs, seed ${seed}${finding ? "" : ", nothing found"}`);
  if (!finding) continue;
  failed = true;
  console.error(`${finding.reason}\nkept as ${await keep(target, finding)}`);
}
Deno.exit(failed ? 1 : 0);
