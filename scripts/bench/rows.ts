/**
 * Rows a second, CSV to NDJSON with a field table, beside Miller, on one processor each.
 *
 *   deno run -A scripts/bench/rows.ts [--rows 1000000] [--json]
 *
 * Each run is a process of its own under `taskset -c 0`, on the same generated file. Miller (`mlr`, Debian's
 * package miller) is left out where it is not installed.
 */
import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl, join } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { table } from "../../src/base/table.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import { parseDefinition } from "../../src/engine/definition/definition.ts";
import { runOnce } from "../../src/engine/run_once.ts";

const DEFINITION = `
process: bench
source: { disk: { path: in, format: csv } }
steps:
  - map:
      fields:
        id: order_id
        customer: customer
        amount: { from: amount, as: number }
        quantity: { from: quantity, as: integer }
        day: ordered_on
        note: note
sink: { disk: { path: out, format: ndjson } }
`;
const HEADER = "order_id,customer,amount,quantity,ordered_on,note\n";
const ROUNDS = 3;

interface Figure {
  rows: number;
  seconds: number;
  rowsPerSecond: number;
  peakRssMiB: number;
}

if (Deno.args[0] === "--one") console.log(JSON.stringify(await measureHere(Deno.args[1]!)));
else await main();

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, { string: ["rows"], boolean: ["json"] });
  const rows = Number(options.rows ?? 1_000_000);
  const folder = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
  try {
    await generate(join(folder, "rows.csv"), rows);
    const { size } = await Deno.stat(join(folder, "rows.csv"));
    const runs: Record<string, Figure | undefined> = {
      "sallyport": await best(() => sallyport(folder)),
      "sallyport, a tenth of the rows": await sallyportTenth(folder, rows),
      "mlr": await best(() => miller(folder, rows)),
    };
    const result = { rows, fileMiB: Math.round(size / 2 ** 20), runtime: Deno.version.deno, runs };
    if (options.json) return console.log(JSON.stringify(result));
    console.log(`${rows} rows x 6 columns, ${result.fileMiB} MiB, one processor, best of ${ROUNDS}`);
    console.log(table(
      [{ title: "" }, { title: "ROWS/S", align: "right" }, { title: "SECONDS", align: "right" }, {
        title: "PEAK RSS MiB",
        align: "right",
      }],
      Object.entries(runs).map(([name, figure]) =>
        figure
          ? [name, String(figure.rowsPerSecond), figure.seconds.toFixed(2), String(figure.peakRssMiB)]
          : [name, "not installed", "", ""]
      ),
    ));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One field in twenty is quoted, with doubled quotes and a comma inside. */
async function generate(path: string, rows: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const encoder = new TextEncoder();
  let text = HEADER;
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below;
  for (let row = 1; row <= rows; row++) {
    const note = row % 20 === 0 ? '"a ""quoted"" note, with a comma"' : "a plain note";
    const day = `2026-${10 + random(3)}-${10 + random(19)}`;
    text += `A-${row},Customer ${random(5_000)},${random(100_000) / 100},${1 + random(9)},${day},${note}\n`;
    if (text.length < 2 ** 20 && row < rows) continue;
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    text = "";
  }
}

async function best(measure: () => Promise<Figure | undefined>): Promise<Figure | undefined> {
  const figures: Figure[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const figure = await measure();
    if (!figure) return undefined;
    figures.push(figure);
  }
  return figures.sort((a, b) => a.seconds - b.seconds)[0];
}

async function sallyport(folder: string): Promise<Figure | undefined> {
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const script = fromFileUrl(import.meta.url);
  const { stdout, stderr, success } = await new Deno.Command("taskset", {
    args: [
      "-c",
      "0",
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      "--config",
      config,
      script,
      "--one",
      folder,
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Whether memory grows with the input: it should not. */
async function sallyportTenth(folder: string, rows: number): Promise<Figure | undefined> {
  const part = join(folder, "tenth");
  await Deno.mkdir(part);
  await generate(join(part, "rows.csv"), Math.ceil(rows / 10));
  return await best(() => sallyport(part));
}

async function measureHere(folder: string): Promise<Figure> {
  const home = join(folder, "home");
  await Deno.mkdir(join(home, "data", "in"), { recursive: true });
  await Deno.mkdir(join(home, "state"));
  await Deno.link(join(folder, "rows.csv"), join(home, "data", "in", "rows.csv"));
  const databasePath = join(home, "state", "sallyport.db");
  const db = openDatabase(databasePath);
  const started = performance.now();
  const { documents, outcome } = await runOnce(parseDefinition(DEFINITION, "bench.yaml", CONNECTORS), {
    db,
    databasePath,
    dataFolder: join(home, "data"),
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - started) / 1000;
  if (outcome !== "succeeded") throw new Error(`the run was ${outcome}`);
  const status = await Deno.readTextFile("/proc/self/status");
  db.close();
  await Deno.remove(home, { recursive: true });
  return figure(documents.in, seconds, Number(status.match(/VmHWM:\s+(\d+)/)![1]));
}

async function miller(folder: string, rows: number): Promise<Figure | undefined> {
  const line = 'exec mlr --icsv --ojsonl rename order_id,id,ordered_on,day "$0" > "$1"';
  const args = ["-c", "0", "sh", "-c", line, join(folder, "rows.csv"), join(folder, "mlr.ndjson")];
  try {
    await new Deno.Command("mlr", { args: ["--version"] }).output();
  } catch {
    return undefined;
  }
  const started = performance.now();
  const child = new Deno.Command("taskset", { args }).spawn();
  let peakKiB = 0;
  const watch = setInterval(() => {
    try {
      const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
      peakKiB = Math.max(peakKiB, Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0));
    } catch { /* it has just ended */ }
  }, 20);
  await child.status;
  clearInterval(watch);
  return figure(rows, (performance.now() - started) / 1000, peakKiB);
}

function figure(rows: number, seconds: number, peakKiB: number): Figure {
  return {
    rows,
    seconds: Math.round(seconds * 1000) / 1000,
    rowsPerSecond: Math.round(rows / seconds),
    peakRssMiB: Math.round(peakKiB / 1024),
  };
}
