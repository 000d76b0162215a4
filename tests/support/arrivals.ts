import { assertEquals } from "@std/assert";
import type { Fleet, RunView, Summary } from "./fleet.ts";
import { COPY_PROCESS, eventually } from "./fleet.ts";

/** A process whose runs take one file each, if the files come one after another. */
export const ONE_BY_ONE = COPY_PROCESS.replace(
  "trigger: { watch: true }",
  "trigger: { watch: { settle: 50ms } }",
);

/** Waits until the agent runs the one process that is published. */
export async function untilActive(fleet: Fleet): Promise<void> {
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
}

/** Lets files be processed one after another, each in a run of its own. */
export async function runFiles(fleet: Fleet, names: readonly string[]): Promise<void> {
  const left = async () => (await Array.fromAsync(Deno.readDir(`${fleet.home}/data/in`))).length;
  for (const name of names) {
    await fleet.drop(`data/in/${name}.csv`, "id,amount\n1,2\n");
    await eventually(left, (files) => files === 0);
  }
}

/** Waits until so many runs are told, and checks that every record of the agent arrived, and none twice. */
export async function checkArrivals(fleet: Fleet, runs: number): Promise<void> {
  const ended = (views: RunView[]) => views.filter(({ outcome }) => outcome === "succeeded").length;
  const views = await eventually(() => fleet.runViews(), (views) => ended(views) >= runs);
  assertEquals([views.length, new Set(views.map(({ id }) => id)).size], [runs, runs]);
  const status = () => fleet.json<{ spool: unknown[]; spooledTotal: number }>(["status"]);
  const { spooledTotal } = await eventually(status, ({ spool }) => spool.length === 0);
  const { records, documents } = await fleet.api.get<Summary>("/summary");
  assertEquals([records, documents.out], [spooledTotal, runs]);
}
