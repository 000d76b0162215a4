import { assertEquals, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { formatUuid, randomToken, uuidv7 } from "../../src/base/ids.ts";
import { systemClock } from "../../src/base/clock.ts";
import { MAX_MESSAGE_BYTES } from "../../src/base/limits.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { AGENT_CAPABILITY, AGENT_FLAG, SERVER_FLAG } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { RemoteConfigStatuses } from "../../src/protocol/generated/opamp_pb.ts";
import type { TestConnection, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const description = { agentDescription: describe({ "service.version": "1.2.3" }, { "os.type": "linux" }) };
const STATUS = RemoteConfigStatuses;

interface AgentView {
  state: string;
  reason?: string;
  attributes: Record<string, string>;
  health?: { healthy: boolean; components: Record<string, { lastError: string }> };
  processes: { process: string; state: string; reason?: string; version?: number }[];
}

async function agentView(test: TestPlatform, uid: string): Promise<AgentView> {
  return (await test.api("GET", `/agents/${uid}`)).body as AgentView;
}

/** Sends the first message of a session and takes the answer. */
async function introduce(connection: TestConnection, uid: string) {
  await connection.send(toServer(uid, 1, description));
  return await connection.next();
}

Deno.test("an agent is online with what it said, and every sign of life is answered", async () => {
  await using test = await testPlatform({ heartbeatSeconds: 7 });
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);

  const first = await introduce(connection, agent.uid);
  assertEquals(first.connectionSettings?.opamp?.heartbeatIntervalSeconds, 7n);
  assertEquals([first.flags, first.remoteConfig], [0n, undefined]);

  const component = { healthy: false, status: "active", lastError: "input is gone" };
  await connection.send(toServer(agent.uid, 2, {
    health: { healthy: true, status: "ok", componentHealthMap: { "process/orders": component } },
  }));
  assertEquals((await connection.next()).connectionSettings, undefined);
  await connection.send(toServer(agent.uid, 3)); // a bare heartbeat
  assertEquals((await connection.next()).flags, 0n);

  const { state, attributes, health } = await agentView(test, agent.uid);
  assertEquals(state, "online");
  assertEquals(attributes, { "service.version": "1.2.3", "os.type": "linux" });
  assertEquals(health?.components["process/orders"]?.lastError, "input is gone");
});

Deno.test("a gap in the sequence makes the platform ask for the full state", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1)); // a session that begins without a description
  assertEquals((await connection.next()).flags, SERVER_FLAG.reportFullState);
  await connection.send(toServer(agent.uid, 2, description));
  assertEquals((await connection.next()).flags, 0n);
  await connection.send(toServer(agent.uid, 4));
  assertEquals((await connection.next()).flags, SERVER_FLAG.reportFullState);
  await connection.send(toServer(agent.uid, 5));
  assertEquals((await connection.next()).flags, 0n);
});

Deno.test("an identity is what the certificate says, on every message", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await introduce(connection, agent.uid);
  const other = uuidv7(systemClock);
  await connection.send(toServer(other, 2));
  assertStringIncludes((await connection.next()).errorResponse!.errorMessage, other);
  assertEquals((await connection.ended).code, CLOSE.badRequest);
  assertEquals((await agentView(test, agent.uid)).reason, "protocol error");
});

Deno.test("a published process reaches a connected agent at once, and its answer is seen", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await introduce(connection, agent.uid);

  await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
  const { remoteConfig } = await connection.next();
  const file = remoteConfig!.config!.configMap["orders"]!;
  assertEquals([new TextDecoder().decode(file.body), file.contentType], ["name: orders\n", "text/yaml"]);
  assertEquals((await agentView(test, agent.uid)).processes, [
    { process: "orders", state: "pending", version: 1 },
  ]);

  const lastRemoteConfigHash = remoteConfig!.configHash;
  const effectiveConfig = { configMap: { configMap: { orders: file } } };
  await connection.send(toServer(agent.uid, 2, {
    remoteConfigStatus: { lastRemoteConfigHash, status: STATUS.RemoteConfigStatuses_APPLIED },
    effectiveConfig,
  }));
  assertEquals((await connection.next()).remoteConfig, undefined);
  assertEquals((await agentView(test, agent.uid)).processes[0]?.state, "active");

  // A version that the agent refuses: it goes on with the old one, and says why.
  await test.api("PUT", "/processes/orders", { definition: "name: orders\nbad: true\n" });
  const second = (await connection.next()).remoteConfig!;
  await connection.send(toServer(agent.uid, 3, {
    remoteConfigStatus: {
      lastRemoteConfigHash: second.configHash,
      status: STATUS.RemoteConfigStatuses_FAILED,
      errorMessage: "one process was rejected",
    },
    health: {
      healthy: true,
      componentHealthMap: {
        "process/orders": { healthy: false, status: "rejected", lastError: 'line 2: unknown key "bad"' },
      },
    },
  }));
  assertEquals((await connection.next()).remoteConfig, undefined);
  assertEquals((await agentView(test, agent.uid)).processes, [
    { process: "orders", state: "rejected", version: 2, reason: 'line 2: unknown key "bad"' },
  ]);

  await test.api("DELETE", "/processes/orders");
  assertEquals(Object.keys((await connection.next()).remoteConfig!.config!.configMap), []);
  assertEquals((await agentView(test, agent.uid)).processes, [{ process: "orders", state: "removing" }]);
});

Deno.test("who comes with another config is offered the wanted one", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const other = await enrolledAgent(test, "agent two");
  await test.api("PUT", "/processes/orders", { definition: "name: orders\n", agents: [agent.uid] });
  await using connection = opampConnection(test, agent);
  assertEquals(Object.keys((await introduce(connection, agent.uid)).remoteConfig!.config!.configMap), [
    "orders",
  ]);
  await using second = opampConnection(test, other);
  assertEquals((await introduce(second, other.uid)).remoteConfig, undefined);
});

Deno.test("a second connection with the same identity takes over", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using first = opampConnection(test, agent);
  await introduce(first, agent.uid);
  await using second = opampConnection(test, agent);
  await introduce(second, agent.uid);
  assertEquals((await first.ended).code, CLOSE.superseded);
  assertEquals((await agentView(test, agent.uid)).state, "online");
});

Deno.test("messages that break the protocol end the session in words", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  for (
    const [data, code, words] of [
      [utf8("\x00\xff\xff"), CLOSE.badRequest, "not a valid"],
      [utf8("\x01"), CLOSE.badRequest, "needs the header 0"],
      ["text", CLOSE.badRequest, "binary"],
      [new Uint8Array(MAX_MESSAGE_BYTES + 1), CLOSE.tooLarge, "at most"],
    ] as const
  ) {
    await using connection = opampConnection(test, agent);
    await introduce(connection, agent.uid);
    await connection.sendRaw(data);
    assertStringIncludes((await connection.next()).errorResponse!.errorMessage, words);
    assertEquals((await connection.ended).code, code);
  }
  await using connection = opampConnection(test, agent);
  await introduce(connection, agent.uid);
  await connection.sendRaw(new Uint8Array(3 * MAX_MESSAGE_BYTES));
  assertEquals((await connection.ended).code, 1009); // not read to its end, so nothing is said first
});

Deno.test("an agent that does not know its identity is told it", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  const stranger = uuidv7(systemClock);
  await connection.send(toServer(stranger, 1, { flags: AGENT_FLAG.requestInstanceUid }));
  assertEquals(formatUuid((await connection.next()).agentIdentification!.newInstanceUid), agent.uid);
  assertEquals((await introduce(connection, agent.uid)).errorResponse, undefined);
});

Deno.test("a plain OpAMP agent gets no offers that it did not ask for", async () => {
  await using test = await testPlatform();
  await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await connection.send(
    toServer(agent.uid, 1, { capabilities: AGENT_CAPABILITY.reportsStatus, ...description }),
  );
  const { remoteConfig, connectionSettings, errorResponse } = await connection.next();
  assertEquals([remoteConfig, connectionSettings, errorResponse], [undefined, undefined, undefined]);
});

Deno.test("a challenge is answered before anything else", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent, { "sallyport-challenge": randomToken() });
  assertEquals((await connection.next()).customMessage?.type, "proof");
  await introduce(connection, agent.uid);
});
