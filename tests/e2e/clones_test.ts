import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import type { Summary } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";

interface Status {
  conditions: { code: string; reason: string }[];
  spool: { waiting: number; gaps: number }[];
}

Deno.test("a copied home is named, both agents are told, and no record of either is lost or stored twice", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", COPY_PROCESS.replace("watch: true", "watch: { settle: 50ms }"));
  const summary = () => fleet.api.get<Summary>("/summary");
  const first = fleet.startAgent();
  await first.connected();
  await fleet.drop("data/in/common.csv", "id,amount\n1,1\n");
  await eventually(summary, ({ runs }) => runs.succeeded === 1);
  await first.stop();

  const copy = await fleet.copyHome();
  const one = fleet.startAgent();
  await one.connected();
  // Each has work of its own, under the same numbers of the one stream that both believe to be theirs.
  await fleet.drop("data/in/one.csv", "id,amount\n2,1\n");
  await eventually(summary, ({ runs }) => runs.succeeded === 2);
  const two = fleet.startAgent(["run"], fleet.program, copy);
  await two.connected();
  await Deno.writeTextFile(`${copy}/data/in/two.csv`, "id,amount\n3,1\n");
  await two.line(({ message }) => /never sent: it was restored, or is a copy/.test(message));
  const { documents } = await eventually(summary, ({ runs }) => runs.succeeded === 3);
  assertEquals(documents.out, 3);

  const told = await one.line(({ message }) => message === "not connected");
  assertEquals(told.code, "platform.refused");
  assertMatch(String(told.remedy), /copy of this home/);
  const { clones, state } = await eventually(() => fleet.agentView(), ({ clones }) => clones !== undefined);
  assertEquals([state, clones?.starts.map(({ address }) => address)], ["online", ["127.0.0.1", "127.0.0.1"]]);
  assertNotEquals(clones?.starts[0]?.id, clones?.starts[1]?.id);
  const { reason } = await two.line(({ message }) => message === "not connected");
  assertMatch(String(reason), /this home was copied: .* from 127\.0\.0\.1/);

  // Both say so for a while, also the one that is connected at the moment: it may not stay so.
  for (const [home, words] of [[copy, "this home was copied"], [fleet.home, "another connection"]] as const) {
    const { conditions, spool } = await fleet.json<Status>(["status"], home);
    assertEquals(spool.filter(({ waiting, gaps }) => waiting > gaps), []);
    assertEquals(conditions.map(({ code }) => code), ["connection.superseded"]);
    assertStringIncludes(conditions[0]!.reason, words);
  }
  const { runs } = await summary();
  assertEquals([runs.total, runs.succeeded], [3, 3], "none was lost, and none counts twice");
});
