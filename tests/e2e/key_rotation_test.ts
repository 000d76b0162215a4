import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { loadIdentity } from "../../src/identity/identity.ts";
import { prepareCandidate } from "../../src/identity/candidate.ts";
import type { RunningAgent } from "../../scripts/lib/agent_process.ts";
import { EventReader } from "../platform/stream.ts";
import { eventually, Fleet } from "../support/fleet.ts";

async function enrolledFleet(): Promise<Fleet> {
  const fleet = await Fleet.start();
  await fleet.enrol();
  return fleet;
}

const keyOf = async (fleet: Fleet) => (await loadIdentity(`${fleet.home}/state`)).key;
const rotate = async (fleet: Fleet) =>
  await fleet.api.call<{ requestedAt: string }>("POST", `/agents/${(await fleet.agentView()).id}/rotate-key`);
const isDone = (fleet: Fleet) =>
  eventually(() => fleet.agentView(), ({ keyRotation }) => keyRotation?.state === "done");
const renewals = ({ lines }: RunningAgent) =>
  lines.filter(({ message }) => message === "the certificate was renewed").length;

Deno.test("asked for a new key, a connected agent uses one at once, and nobody sees it go", async () => {
  await using fleet = await enrolledFleet();
  const agent = fleet.startAgent();
  await agent.connected();
  const before = await keyOf(fleet);
  const { connection: record } = await fleet.json<{ connection: unknown }>(["status"]);
  using client = Deno.createHttpClient({ caCerts: [fleet.platform.ca] });
  await using reader = await EventReader.open({ platform: fleet.platform, client, token: fleet.token });
  agent.child.kill("SIGSTOP"); // it hears of both requests at once
  assertEquals(await rotate(fleet), await rotate(fleet));
  agent.child.kill("SIGCONT");
  const told: string[] = [];
  while (told.at(-1) !== "key-rotation done") {
    const { type, data } = await reader.next();
    told.push(`${type} ${data.state}`);
  }
  assertEquals(told, ["key-rotation requested", "key-rotation done"]);
  await agent.line(({ message }) => message === "the certificate was renewed");
  assertNotEquals(await keyOf(fleet), before);
  assertEquals(renewals(agent), 1);
  const { connection } = await fleet.json<{ connection: unknown }>(["status"]);
  assertEquals(connection, record); // nor does its own record
  // It still is the one that is connected, and stays so when it is asked again.
  const from = agent.lines.length;
  await rotate(fleet);
  await agent.line(({ message }) => message === "the certificate was renewed", from);
  assertEquals((await isDone(fleet)).state, "online");
});

Deno.test("an agent that is offline makes its new key when it comes back, also to a restarted platform", async () => {
  await using fleet = await enrolledFleet();
  const before = await keyOf(fleet);
  await rotate(fleet);
  await fleet.stopPlatform();
  await fleet.startPlatform();
  const agent = fleet.startAgent();
  await isDone(fleet);
  await agent.line(({ message }) => message === "the certificate was renewed");
  assertNotEquals(await keyOf(fleet), before);
});

Deno.test("asked during a renewal, and killed at any moment, the agent has a certificate that works", async () => {
  await using fleet = await enrolledFleet();
  const keys = new Set<string>();
  for (let kill = 0; kill < 12; kill++) {
    if (kill % 3 === 0 && !(await Deno.stat(`${fleet.home}/state/identity.next`).catch(() => undefined))) {
      await prepareCandidate(`${fleet.home}/state`); // a renewal of its own is due at once
    }
    const agent = fleet.startAgent();
    await agent.connected();
    await rotate(fleet);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
    await agent.stop("SIGKILL");
    keys.add(await keyOf(fleet));
  }
  const { requestedAt } = await rotate(fleet);
  const agent = fleet.startAgent();
  const { keyRotation, state } = await isDone(fleet);
  assertEquals([keyRotation?.requestedAt, state], [requestedAt, "online"]);
  await agent.line(({ message }) => message === "the certificate was renewed");
  assert(keys.size > 1, "no renewal came to its end before a kill");
  assertEquals(await agent.stop(), EXIT.ok);
});

Deno.test("whoever sits at the agent's machine can have the key renewed, and is told why not", async () => {
  await using fleet = await enrolledFleet();
  const renew = () =>
    fleet.json<{ error?: { code: string }; certificateExpires: string }>(["certificate", "renew"]);
  assertEquals((await renew()).error?.code, "agent.not-running");

  await fleet.stopPlatform();
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "not connected");
  const { code, stdout } = await fleet.run(["certificate", "renew", "--json"]);
  assertEquals([code, JSON.parse(stdout).error.code], [EXIT.unreachable, "platform.unreachable"]);
  await fleet.startPlatform();
  await agent.connected();

  const before = await keyOf(fleet);
  const answers = await Promise.all([renew(), renew()]);
  assertEquals(answers.map(({ error }) => error), [undefined, undefined]);
  assertNotEquals(await keyOf(fleet), before);
  const text = await fleet.run(["certificate", "renew"]);
  assertEquals(text.code, EXIT.ok, text.stderr);
  const { certificateFacts } = await loadIdentity(`${fleet.home}/state`);
  assert(
    text.stdout.includes(
      `There is a new key, and its certificate is good until ${
        new Date(certificateFacts.notAfter).toISOString()
      }`,
    ),
  );
});
