import { assertEquals } from "@std/assert";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../../src/protocol/messages.ts";
import { trackingBatchSchema } from "../../src/protocol/payloads/tracking.ts";
import { ONE_BY_ONE } from "../support/arrivals.ts";
import { eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const FILES = 12;
const ROWS = 20_000;
const KILLS = 6;

Deno.test("killed at random moments, the agent loses no document, writes none twice, and tells of each run once", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.api.publish("copy", ONE_BY_ONE);
  let next = 0;
  const dropSome = async (count: number) => {
    for (let i = 0; i < count; i++, next++) {
      const rows = Array.from({ length: ROWS }, (_, row) => `${next * ROWS + row},${row}\n`).join("");
      await fleet.drop(`data/in/f${next}.csv`, `id,amount\n${rows}`);
    }
  };
  for (let kill = 0; kill < KILLS; kill++) {
    const agent = fleet.startAgent();
    await agent.line(({ message }) => message === "gatehouse started");
    await dropSome(FILES / KILLS);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
    assertEquals(await agent.stop("SIGKILL"), 137);
  }

  fleet.startAgent();
  const left = async () => (await Array.fromAsync(Deno.readDir(`${fleet.home}/data/in`))).length;
  await eventually(left, (files) => files === 0);
  await eventually(() => fleet.json<{ spool: unknown[] }>(["status"]), ({ spool }) => spool.length === 0);

  const ids: number[] = [];
  for await (const { name } of Deno.readDir(`${fleet.home}/data/out`)) {
    if (name.startsWith(".")) continue; // a file that was being written when its run was cut off
    const lines = (await Deno.readTextFile(`${fleet.home}/data/out/${name}`)).trimEnd().split("\n");
    ids.push(...lines.map((line) => Number(JSON.parse(line).id)));
  }
  assertEquals(ids.sort((a, b) => a - b), Array.from({ length: FILES * ROWS }, (_, i) => i));

  // The platform has each run exactly once, with the outcome that the agent's own records have.
  const runs = await fleet.runViews();
  const finished = runs.filter(({ outcome }) => outcome === "succeeded");
  assertEquals(finished.reduce((sum, { documents }) => sum + documents.out, 0), FILES * ROWS);
  assertEquals(new Set(runs.map(({ id }) => id)).size, runs.length);
  assertEquals(runs.filter(({ outcome }) => outcome === "running"), []);
  const { spooledTotal } = await fleet.json<{ spooledTotal: number }>(["status"]);
  assertEquals((await fleet.api.get<Summary>("/summary")).records, spooledTotal);
  assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
  // Each of the records that the platform has was in the ledger when it left.
  const exported = await fleet.run(["egress", "export", "--class", "tracking", "--bodies"]);
  const sent = exported.stdout.trimEnd().split("\n").flatMap((line) => {
    const frame = Uint8Array.fromBase64(JSON.parse(line).body);
    const { customMessage } = decodeFrame(AgentToServerSchema, frame);
    if (customMessage?.type !== "batch") return [];
    return readJsonMessage(customMessage, trackingBatchSchema).records.map(({ seq }) => seq);
  });
  assertEquals(new Set(sent), new Set(Array.from({ length: spooledTotal }, (_, i) => i + 1)));
});
