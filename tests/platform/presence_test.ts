import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { randomToken } from "../../src/base/ids.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { TestClock } from "../support/clock.ts";
import { eventually } from "../support/fleet.ts";
import { EventReader } from "./stream.ts";
import type { TestConnection, TestPlatform } from "./support.ts";
import {
  enrolledAgent,
  opampConnection,
  TestConnection as Connection,
  testPlatform,
  toServer,
} from "./support.ts";

const description = { agentDescription: describe({}, {}) };

async function presence(test: TestPlatform, uid: string): Promise<string> {
  const { state, reason } = (await test.api("GET", `/agents/${uid}`)).body as {
    state: string;
    reason?: string;
  };
  return reason ? `${state}: ${reason}` : state;
}

async function summary(test: TestPlatform): Promise<{ agents: Record<string, number> }> {
  return (await test.api("GET", "/summary")).body;
}

/** A closed socket reaches the platform on its own time. */
async function untilPresence(test: TestPlatform, uid: string, wanted: string): Promise<void> {
  await eventually(() => presence(test, uid), (shown) => shown === wanted);
}

/** The words and the code with which a connection is refused. */
async function refusal(connection: TestConnection): Promise<{ words: string; code: number }> {
  let message = await connection.next();
  if (message.customMessage) message = await connection.next();
  return { words: message.errorResponse!.errorMessage, code: (await connection.ended).code };
}

Deno.test("an agent is offline for the reason that ended its session", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, heartbeatSeconds: 10 });
  const agent = await enrolledAgent(test, "agent one", clock);
  assertEquals(await presence(test, agent.uid), "offline: not connected yet");
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    assertEquals(await presence(test, agent.uid), "online");
    await connection.send(toServer(agent.uid, 2, { agentDisconnect: {} }));
    assertEquals((await connection.ended).code, CLOSE.normal);
    assertEquals(await presence(test, agent.uid), "offline: stopped");
  }
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
  }
  await untilPresence(test, agent.uid, "offline: connection lost");
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    await clock.advance(12_400);
    assertEquals(await presence(test, agent.uid), "online");
    await clock.advance(200);
    assertEquals(await presence(test, agent.uid), "suspect: heartbeat overdue");
    assertEquals((await summary(test)).agents, { online: 0, suspect: 1, total: 1 });
    await clock.advance(11_000);
    await connection.send(toServer(agent.uid, 2));
    await connection.next();
    assertEquals(await presence(test, agent.uid), "online");
    assertEquals((await summary(test)).agents, { online: 1, suspect: 0, total: 1 });
    await clock.advance(24_000);
    assertEquals(await presence(test, agent.uid), "suspect: heartbeat overdue");
    await clock.advance(1_001);
    assertEquals((await summary(test)).agents, { online: 0, suspect: 0, total: 1 });
    assertEquals(await presence(test, agent.uid), "offline: heartbeats missing");
    assertEquals((await connection.ended).code, CLOSE.goingAway);
  }
});

Deno.test("after a restart nobody is online until they connect", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  const ca = test.platform.ca;
  await test.restart();
  assertEquals((await connection.ended).code, CLOSE.goingAway);
  assertEquals(await presence(test, agent.uid), "offline: platform restarted");
  assertEquals([test.platform.ca, test.platform.firstToken], [ca, undefined]);
  await using again = opampConnection(test, agent);
  await again.send(toServer(agent.uid, 1, description));
  await again.next();
  assertEquals(await presence(test, agent.uid), "online");
});

Deno.test("why somebody left outlives a restart, until they were seen again", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    await connection.send(toServer(agent.uid, 2, { agentDisconnect: {} }));
    await connection.ended;
    await untilPresence(test, agent.uid, "offline: stopped");
  }
  await test.restart();
  assertEquals(await presence(test, agent.uid), "offline: stopped");
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  await test.restart();
  assertEquals(await presence(test, agent.uid), "offline: platform restarted");
});

Deno.test("an agent that says that it updates itself, and goes, is not lost", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  for (const [status, wanted] of [["updating", "updating"], ["ok", "connection lost"]] as const) {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, { ...description, health: { healthy: true, status } }));
    await connection.next();
    await connection.close();
    await untilPresence(test, agent.uid, `offline: ${wanted}`);
  }
});

Deno.test("a revoked agent is told so, at once and at the next try", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  assertEquals((await test.api("POST", `/agents/${agent.uid}/revoke`)).status, 200);
  const { words, code } = await refusal(connection);
  assertEquals(code, CLOSE.revoked);
  assertStringIncludes(words, "revoked");
  await using again = opampConnection(test, agent, { "sallyport-challenge": randomToken() });
  assertEquals((await refusal(again)).code, CLOSE.revoked);
  assertEquals(await presence(test, agent.uid), "offline: revoked");
  await test.restart();
  assertEquals(await presence(test, agent.uid), "offline: revoked");
});

Deno.test("an expired certificate is refused with both times, during a session too", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1, heartbeatSeconds: 99_999 });
  const agent = await enrolledAgent(test, "agent one", clock);
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  await clock.advance(24 * 3_600_000 - 2_000);
  assertEquals(await presence(test, agent.uid), "online");
  await clock.advance(2_001); // and nobody has said anything
  assertEquals(await presence(test, agent.uid), "offline: certificate expired");
  assertEquals((await refusal(connection)).code, CLOSE.recoverable);
  await using again = opampConnection(test, agent);
  const { words, code } = await refusal(again);
  assertEquals(code, CLOSE.recoverable);
  assert(/expired at 2.*clock says 2/.test(words));
});

Deno.test("strangers are refused in words", async () => {
  await using test = await testPlatform();
  const keys = await generateKeyPair();
  const stranger = {
    certificate: await createProvisionalCertificate(keys, Date.now()),
    key: await privateKeyToPem(keys.privateKey),
  };
  await using connection = opampConnection(test, stranger, { "sallyport-challenge": randomToken() });
  const { words, code } = await refusal(connection);
  assertEquals(code, CLOSE.unknownIdentity);
  assertStringIncludes(words, "enrol");

  const { platform } = test;
  for (const path of ["/v1/opamp", "/v1/enroll"]) {
    await using bare = new Connection(`wss://${platform.authority}${path}`, { ca: platform.ca });
    const { words, code } = await refusal(bare);
    assertEquals(code, CLOSE.unknownIdentity);
    assertStringIncludes(words, "no client certificate");
  }
  const response = await fetch(`${platform.url}/v1/opamp`, { client: test.client });
  assertEquals(response.status, 401);
  assertEquals((await response.json()).error.code, "request.unauthorised");
});

Deno.test("an agent that says that it comes back at once is not missed, and its return is no news", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock });
  const agent = await enrolledAgent(test, "agent one", clock);
  await using reader = await EventReader.open(test);
  for (let i = 0; i < 2; i++) {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    await connection.close(CLOSE.returning);
    await clock.advance(4_900);
    assertEquals(await presence(test, agent.uid), "online");
  }
  // When the platform hears of the end is its own time, so the wait may begin a little later.
  while (await presence(test, agent.uid) === "online") await clock.advance(100);
  assertEquals((await reader.next()).data.state, "online");
  assertEquals((await reader.next()).data.reason, "connection lost");
});

Deno.test("a platform that stops does not wait for who comes back at once, and a revoked agent is gone", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock });
  const agent = await enrolledAgent(test, "agent one", clock);
  const returning = async () => {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    await connection.close(CLOSE.returning);
  };
  await returning();
  await test.restart();
  assertEquals(await presence(test, agent.uid), "offline: platform restarted");
  await returning();
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  await clock.advance(10_000);
  assertEquals(await presence(test, agent.uid), "offline: revoked");
});

Deno.test("an agent is online from its first message on: a socket that says nothing disturbs nobody", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using silent = opampConnection(test, agent);
  await silent.opened();
  assertEquals(await presence(test, agent.uid), "offline: not connected yet");
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  await using another = opampConnection(test, agent);
  await another.opened();
  await connection.send(toServer(agent.uid, 2));
  assertEquals((await connection.next()).errorResponse, undefined);

  // And one that was opened before a revocation gets no further after it.
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  await another.send(toServer(agent.uid, 1, description));
  assertEquals((await refusal(another)).code, CLOSE.revoked);
  assertEquals(await presence(test, agent.uid), "offline: revoked");
});

Deno.test("a probe is told whether the agent would be taken, and is not taken for the agent", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1, heartbeatSeconds: 99_999 });
  const agent = await enrolledAgent(test, "agent one", clock);
  const probe = async () => {
    await using connection = opampConnection(test, agent, {
      "sallyport-challenge": randomToken(),
      "sallyport-probe": "1",
    });
    assertEquals((await connection.next()).customMessage?.type, "proof");
    const { code } = await connection.ended;
    const words = code === CLOSE.normal ? "" : (await connection.next()).errorResponse?.errorMessage;
    return `${code} ${words}`;
  };
  assertEquals(await probe(), `${CLOSE.normal} `);
  assertEquals(await presence(test, agent.uid), "offline: not connected yet");
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    assertEquals(await probe(), `${CLOSE.normal} `);
    await connection.send(toServer(agent.uid, 2));
    assertEquals((await connection.next()).errorResponse, undefined);
    assertEquals(await presence(test, agent.uid), "online");
    await connection.send(toServer(agent.uid, 3, { agentDisconnect: {} }));
    await connection.ended;
  }
  await clock.advance(25 * 3_600_000);
  assertStringIncludes(await probe(), `${CLOSE.recoverable} the client certificate expired`);
  assertEquals(await presence(test, agent.uid), "offline: stopped");
  await test.api("POST", `/agents/${agent.uid}/approve-recovery`);
  assertEquals(await probe(), `${CLOSE.normal} `);
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  assertStringIncludes(await probe(), `${CLOSE.revoked} `);
});
