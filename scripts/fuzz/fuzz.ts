import { join } from "@std/path";
import { sha256Hex } from "../../src/base/digest.ts";
import { ROOT } from "../lib/permissions.ts";
import { mutate, seeded } from "./mutate.ts";
import type { FuzzTarget } from "./target.ts";

/** An input may take this long: more is a way to bring a program to a stand. */
const SLOW_MS = 1_000;

const CORPUS = join(ROOT, "tests", "corpus");

/** An input that broke something. */
export interface Finding {
  input: Uint8Array<ArrayBuffer>;
  reason: string;
}

/** The inputs that are kept for a target. */
export async function corpusOf({ name }: FuzzTarget): Promise<Uint8Array<ArrayBuffer>[]> {
  const inputs: Uint8Array<ArrayBuffer>[] = [];
  for await (const entry of Deno.readDir(join(CORPUS, name))) {
    if (entry.isFile) inputs.push(await Deno.readFile(join(CORPUS, name, entry.name)));
  }
  return inputs;
}

/** Tries one input; gives what it broke. */
export async function tryInput(
  target: FuzzTarget,
  input: Uint8Array<ArrayBuffer>,
): Promise<Finding | undefined> {
  const startedAt = performance.now();
  try {
    await target.run(input.slice());
  } catch (error) {
    return { input, reason: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
  const ms = performance.now() - startedAt;
  return ms > SLOW_MS ? { input, reason: `it took ${Math.round(ms)} ms` } : undefined;
}

/** Tries the corpus, and then mutations of it for as long as `goesOn` says; stops at the first finding. */
export async function fuzz(
  target: FuzzTarget,
  seed: number,
  goesOn: (tried: number) => boolean,
): Promise<{ tried: number; finding: Finding | undefined }> {
  const corpus = await corpusOf(target);
  let tried = 0;
  for (const input of corpus) {
    tried++;
    const finding = await tryInput(target, input);
    if (finding) return { tried, finding };
  }
  const random = seeded(seed);
  while (goesOn(tried)) {
    tried++;
    const finding = await tryInput(target, mutate(corpus, target.dictionary, random));
    if (finding) return { tried, finding };
  }
  return { tried, finding: undefined };
}

/** Keeps a finding in the corpus, so that it is tried from now on. */
export async function keep({ name }: FuzzTarget, { input }: Finding): Promise<string> {
  const path = join(CORPUS, name, `found-${sha256Hex(input).slice(0, 12)}`);
  await Deno.writeFile(path, input);
  return path;
}
