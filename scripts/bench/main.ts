/**
 * Runs every benchmark, one after another, each in a program of its own.
 *
 *   deno task bench [--json] [NAME ...]
 *
 * What was seen, with machine and date, stands in docs/benchmarks.md.
 */
import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl } from "@std/path";

const BENCHES = [
  "rows",
  "start",
  "kills",
  "offline",
  "idle",
  "reconnect",
  "storm",
  "ledger",
  "drain",
  "reserve",
  "browse",
  "requests",
];

const options = parseArgs(Deno.args, { boolean: ["json"] });
const names: string[] = options._.length > 0 ? options._.map(String) : BENCHES;
const unknown = names.find((name) => !BENCHES.includes(name));
if (unknown !== undefined) {
  console.error(`There is no benchmark "${unknown}"; there are: ${BENCHES.join(", ")}`);
  Deno.exit(2);
}
const results: Record<string, unknown> = {};
for (const name of names) {
  console.error(`Measuring ${name} ...`);
  const script = fromFileUrl(new URL(`./${name}.ts`, import.meta.url));
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", script, ...(options.json ? ["--json"] : [])],
    stderr: "inherit",
  }).output();
  if (!success) Deno.exit(1);
  const text = new TextDecoder().decode(stdout).trimEnd();
  if (options.json) results[name] = JSON.parse(text);
  else console.log(`${text}\n`);
}
if (options.json) console.log(JSON.stringify(results));
