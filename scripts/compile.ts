/**
 * Makes the agent's executable.
 *
 *     deno task compile --platform HOST[:PORT] [--connect HOST:PORT ...] [--output FILE]
 *
 * The code is bundled first, by this runtime, into a folder that holds nothing else (`deno compile` embeds what
 * it finds beside the code); a bundle takes less memory and starts faster. Then it is compiled with exactly the
 * agent's permissions and those addresses. `DENO_COMPILE_BIN` may name another `deno` for the second part, and
 * `DENORT_BIN` the runtime that it embeds.
 */
import { join, resolve } from "@std/path";
import { parseArgs } from "@std/cli/parse-args";
import { parseAuthority } from "../src/trust/bundle.ts";
import { minify } from "./lib/minify.ts";
import { agentFlags, connectAddresses, ROOT } from "./lib/permissions.ts";

/** Put in front of a chunk that needs it. */
const REQUIRE = 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);';

const options = parseArgs(Deno.args, {
  string: ["platform", "output", "connect"],
  collect: ["connect"],
  default: { output: "dist/sallyport" },
});
if (!options.platform || options._.length > 0) {
  console.error("Usage: deno task compile --platform HOST[:PORT] [--connect HOST:PORT ...] [--output FILE]");
  console.error(
    "The addresses of the platform and of what may be browsed are baked in: it can reach no others.",
  );
  Deno.exit(2);
}
const platform = parseAuthority(options.platform);
const connect = connectAddresses(options.connect as string[], platform);
const output = resolve(options.output);
const bundle = await Deno.makeTempDir({ prefix: "sallyport-bundle-" });
try {
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform=deno",
    "--code-splitting",
    `--outdir=${bundle}`,
    "main.ts",
  ], ROOT);
  for await (const { name } of Deno.readDir(bundle)) {
    const path = join(bundle, name);
    await Deno.writeTextFile(path, await minify(await Deno.readTextFile(path)));
  }
  await bake(bundle, { platform, connect: connect.join(","), commit: await commit() });
  await run(Deno.env.get("DENO_COMPILE_BIN") ?? Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-check",
    "--no-config",
    "--no-lock",
    "--no-code-cache",
    ...await agentFlags(platform, { connect }),
    `--output=${output}`,
    "main.js",
  ], bundle);
} finally {
  await Deno.remove(bundle, { recursive: true });
}
const { size } = await Deno.stat(output);
console.log(
  `${options.output}: ${(size / 1e6).toFixed(1)} MB, may reach ${
    [platform, ...connect].join(", ")
  } and the folder it is started in`,
);

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const { success, code } = await new Deno.Command(program, { args, cwd }).spawn().status;
  if (!success) throw new Error(`${program} ${args[0]} ended with exit code ${code}`);
}

/**
 * Puts the facts of `src/agent/build.ts` into the bundle; each text stands there once, or something is off. CommonJS
 * packages (`yaml`) ask for the runtime's own modules by `require`, which a bundle of ES modules does not have.
 */
async function bake(folder: string, facts: Record<string, string>): Promise<void> {
  const missing = new Set(Object.keys(facts));
  for await (const { name } of Deno.readDir(folder)) {
    const path = join(folder, name);
    let text = await Deno.readTextFile(path);
    for (const [fact, value] of Object.entries(facts)) {
      if (!text.includes(`"@sallyport:${fact}@"`)) continue;
      text = text.replace(`"@sallyport:${fact}@"`, JSON.stringify(value));
      missing.delete(fact);
    }
    if (text.includes("Dynamic require of")) text = REQUIRE + text;
    await Deno.writeTextFile(path, text);
  }
  if (missing.size > 0) throw new Error(`the bundle has no place for ${[...missing].join(", ")}`);
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "HEAD"], cwd: ROOT }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return ""; // a source archive without git
  }
}
