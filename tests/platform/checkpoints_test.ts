import { assertEquals } from "@std/assert";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Attributes } from "../../src/protocol/attributes.ts";
import { describe } from "../../src/protocol/attributes.ts";
import {
  CHECKPOINT_ATTRIBUTE,
  checkpointAttributes,
  parseCheckpoint,
} from "../../src/protocol/checkpoint.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const hash = (digit: string) => digit.repeat(64);

Deno.test("checkpoints are noted once each, and one that goes back or contradicts is told", async () => {
  const warnings: unknown[] = [];
  const log: Log = {
    ...silentLog,
    warn: (message, facts) => void (message.startsWith("the ledger") && warnings.push(facts)),
    child: () => log,
  };
  await using test = await testPlatform({ log });
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  let sequence = 0;
  const tell = async (attributes: Attributes) => {
    const agentDescription = describe({}, attributes);
    await connection.send(toServer(agent.uid, ++sequence, { agentDescription }));
    await connection.next();
  };
  const noted = async () => {
    const { body } = await test.api("GET", `/agents/${agent.uid}/checkpoints`);
    return (body as { checkpoints: { number: number; hash: string }[] }).checkpoints
      .map(({ number, hash }) => [number, hash[0]]);
  };
  await tell(checkpointAttributes({ number: 5, hash: hash("a") }));
  await tell(checkpointAttributes({ number: 5, hash: hash("a") }));
  await tell({ [CHECKPOINT_ATTRIBUTE]: "nonsense" });
  await tell({});
  await tell(checkpointAttributes({ number: 9, hash: hash("b") }));
  assertEquals([await noted(), warnings], [[[5, "a"], [9, "b"]], []]);

  await tell(checkpointAttributes({ number: 5, hash: hash("a") })); // cut
  await tell(checkpointAttributes({ number: 9, hash: hash("c") })); // and written anew
  assertEquals(warnings, [{ checkpoint: 5, before: 9 }, { checkpoint: 9, before: 9 }]);
  assertEquals(await noted(), [[5, "a"], [9, "b"], [9, "c"]]);
  assertEquals((await test.api("GET", `/agents/${crypto.randomUUID()}/checkpoints`)).status, 404);
});

Deno.test("only a number and a SHA-256 are a checkpoint", () => {
  const good = { number: 12, hash: hash("0") };
  assertEquals(parseCheckpoint(checkpointAttributes(good)[CHECKPOINT_ATTRIBUTE]!), good);
  assertEquals(checkpointAttributes(undefined), {});
  for (const bad of ["", "12", `0 ${good.hash}`, `-1 ${good.hash}`, `12 ${good.hash}a`, `12  ${good.hash}`]) {
    assertEquals(parseCheckpoint(bad), undefined);
  }
});
