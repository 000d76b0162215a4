import { assert, assertEquals } from "@std/assert";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";

Deno.test("the engine of a running agent, within its permissions, writes logs that can be read beside it", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n2,many\n");
  const agent = fleet.startAgent();
  await agent.connected();
  const { runs: [run] } = await eventually(
    () => fleet.json<{ runs: { runId: string; outcome?: string }[] }>(["runs"]),
    ({ runs }) => runs[0]?.outcome !== undefined,
  );
  assertEquals(run!.outcome, "partial");
  const names = [...Deno.readDirSync(`${fleet.home}/state/logs`)].map(({ name }) => name).sort();
  assertEquals(names, [`${run!.runId}.errors.ndjson`, `${run!.runId}.ndjson`]);
  assert(!agent.lines.some(({ message }) => message.includes("could not be written")), agent.tail());
  await agent.stop();
});
