/**
 * SIGKILLs at random moments while runs go on: what the platform and the output have in the end.
 *
 *   deno run -A scripts/bench/kills.ts [--kills 50] [--json]
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Summary } from "../../tests/support/fleet.ts";
import { ONE_BY_ONE } from "../../tests/support/arrivals.ts";
import { eventually, Fleet } from "../../tests/support/fleet.ts";
import { pause, print } from "./lib.ts";

/** Enough that a run takes about as long as the pauses before the kills. */
const ROWS = 60_000;
const kills = Number(parseArgs(Deno.args, { string: ["kills"] }).kills ?? 50);

await using fleet = await Fleet.start();
await fleet.enrol();
await fleet.api.publish("copy", ONE_BY_ONE);
for (let kill = 0; kill < kills; kill++) {
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "gatehouse started");
  const rows = Array.from({ length: ROWS }, (_, row) => `${kill * ROWS + row},${row}\n`).join("");
  await fleet.drop(`data/in/f${kill}.csv`, `id,amount\n${rows}`);
  await pause(Math.random() * 800);
  await agent.stop("SIGKILL");
}
fleet.startAgent();
await eventually(
  async () => (await Array.fromAsync(Deno.readDir(`${fleet.home}/data/in`))).length,
  (left) => left === 0,
);
await eventually(() => fleet.json<{ spool: unknown[] }>(["status"]), ({ spool }) => spool.length === 0);

const timesSeen = new Uint8Array(kills * ROWS);
for await (const { name } of Deno.readDir(`${fleet.home}/data/out`)) {
  if (name.startsWith(".")) continue;
  for (const line of (await Deno.readTextFile(`${fleet.home}/data/out/${name}`)).trimEnd().split("\n")) {
    timesSeen[Number(JSON.parse(line).id)]!++;
  }
}
const summary = await fleet.api.get<Summary>("/summary");
const { spooledTotal } = await fleet.json<{ spooledTotal: number }>(["status"]);
const ledger = await fleet.json<{ whole: boolean; entries: number }>(["egress", "verify"]);
print(`${kills} SIGKILLs at random moments`, [
  { what: "documents that should have come out", value: kills * ROWS, unit: "documents" },
  {
    what: "documents that came out",
    value: timesSeen.filter((n) => n > 0).length,
    unit: "documents",
    goal: "all",
  },
  {
    what: "documents that came out twice",
    value: timesSeen.filter((n) => n > 1).length,
    unit: "documents",
    goal: "0",
  },
  { what: "runs that were interrupted by a kill", value: summary.runs.interrupted, unit: "runs" },
  { what: "runs that finished", value: summary.runs.succeeded, unit: "runs" },
  { what: "tracking records written by the agent", value: spooledTotal, unit: "records" },
  { what: "tracking records on the platform", value: summary.records, unit: "records", goal: "the same" },
  { what: "ledger entries, the chain whole", value: ledger.whole ? ledger.entries : -1, unit: "entries" },
]);
