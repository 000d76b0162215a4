import { assert, assertEquals, assertMatch } from "@std/assert";
import { silentLog } from "../../src/base/log.ts";
import type { Log } from "../../src/base/log.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { LEDGER_TABLES } from "../../src/ledger/tables.ts";
import type { Verification } from "../../src/ledger/verify.ts";
import { eventually, Fleet } from "../support/fleet.ts";

type Verified = Verification & { whole: boolean };

Deno.test("the platform notes the ledger's checkpoints, and with them a cut end and a new beginning are found", async () => {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => void warnings.push(message), child: () => log };
  await using fleet = await Fleet.start();
  await fleet.stopPlatform();
  await fleet.startPlatform({ log });
  await fleet.enrol();
  const runAndStop = async () => {
    const agent = fleet.startAgent();
    await agent.connected();
    assertEquals(await agent.stop(), 0);
  };
  await runAndStop();
  await runAndStop();
  const { id } = await fleet.agentView();
  const noted = await fleet.api.get<{ checkpoints: { number: number }[] }>(`/agents/${id}/checkpoints`);
  // At its start the agent told of the first; of the second, which it made when it stopped, at its next start.
  assertEquals(noted.checkpoints.length, 2);
  await Deno.writeTextFile(`${fleet.home}/noted.json`, JSON.stringify(noted));
  const verify = (...words: string[]) => fleet.json<Verified>(["egress", "verify", ...words]);
  const whole = await verify("--checkpoint", "noted.json");
  assertEquals([whole.whole, whole.keys[0]?.agent], [true, id]);
  assertEquals([whole.checkpoints.trustedThrough, whole.head.number], [whole.entries, whole.entries]);

  // Somebody cuts the end off, cleanly, so that the rest is whole, and what the agent kept beside it.
  await Deno.remove(`${fleet.home}/state/ledger.checkpoint`);
  const first = noted.checkpoints[0]!.number;
  const last = noted.checkpoints[1]!.number;
  {
    using db = openDatabase(`${fleet.home}/state/sallyport.db`);
    db.exec("PRAGMA foreign_keys = OFF; DROP TRIGGER ledger_stays");
    for (const table of LEDGER_TABLES.filter((table) => table !== "ledger_certificates")) {
      db.exec(`DELETE FROM ${table} WHERE number > ${first}`);
    }
  }
  assertEquals((await verify()).whole, true);
  const cut = await verify("--checkpoint", "noted.json");
  assertEquals([cut.fault?.what, cut.fault?.number], ["truncated", first + 1]);

  // The agent goes on from there: the platform sees it at once, and whoever has the list does.
  await runAndStop();
  assert(
    warnings.some((message) => /cut, written anew, restored from a backup/.test(message)),
    warnings.join("; "),
  );
  const rewritten = await verify("--checkpoint", "noted.json");
  assert(["rewritten", "truncated"].includes(rewritten.fault!.what));
  assert(rewritten.fault!.number <= last);
});

Deno.test("heartbeats are folded on the way, and each is written down before it is sent", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.stopPlatform();
  await fleet.startPlatform({ heartbeatSeconds: 1 });
  const agent = fleet.startAgent();
  await agent.connected();
  type Listed = { entries: { kind: string; count: number | null; records: string }[] };
  const folded = await eventually(
    async () => (await fleet.json<Listed>(["egress"])).entries.find(({ count }) => (count ?? 0) >= 3),
    (entry) => entry !== undefined,
  );
  assertEquals(folded?.kind, "heartbeats");
  assertMatch(folded!.records, /^heartbeats \d+-\d+$/);
  assertEquals(await agent.stop(), 0);
  const { whole, payloads, entries } = await fleet.json<Verified>(["egress", "verify"]);
  assertEquals(whole, true);
  assert(payloads > entries - 2, "two checkpoints are entries without a payload");
});
