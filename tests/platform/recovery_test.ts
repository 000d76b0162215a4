import { assert, assertEquals, assertMatch } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { createRequest } from "../../src/trust/certificate_request.ts";
import { keyPairFromPem } from "../../src/trust/keys.ts";
import type { PlatformOptions } from "../../src/platform/platform.ts";
import { TestClock } from "../support/clock.ts";
import { EventReader } from "./stream.ts";
import type { TestIdentity, TestPlatform } from "./support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

const DAY_MS = 86_400_000;
const description = { agentDescription: describe({ "service.version": "1.2.3" }, {}) };

/** A platform under a clock of the test, and an agent whose certificate expired `days` ago. */
async function expired(days: number, options: Partial<PlatformOptions> = {}) {
  const clock = new TestClock(Date.now());
  const test = await testPlatform({ clock, certificateDays: 1, ...options });
  const agent = await enrolledAgent(test, "agent one", clock);
  await clock.advance((1 + days) * DAY_MS);
  return { clock, test, agent };
}

/** What becomes of a session that asks for a certificate: the certificate, or code and words of the end. */
async function recover(test: TestPlatform, agent: TestIdentity): Promise<string> {
  await using connection = opampConnection(test, agent);
  await connection.opened();
  await connection.send(toServer(agent.uid, 1, description)).catch(() => {});
  const { errorResponse } = await connection.next();
  if (errorResponse) return `${(await connection.ended).code} ${errorResponse.errorMessage}`;
  const csr = utf8(await createRequest(await keyPairFromPem(agent.key)));
  const connectionSettingsRequest = { opamp: { certificateRequest: { csr } } };
  await connection.send(toServer(agent.uid, 2, { connectionSettingsRequest }));
  const { connectionSettings } = await connection.next();
  return new TextDecoder().decode(connectionSettings!.opamp!.certificate!.cert);
}

const approve = ({ api }: TestPlatform, uid: string) => api("POST", `/agents/${uid}/approve-recovery`);

Deno.test("an agent whose certificate expired waits for approval, and with it gets a new one for its key", async () => {
  const { clock, test, agent } = await expired(3);
  await using _ = test;
  assertMatch(await recover(test, agent), new RegExp(`^${CLOSE.recoverable} .*waiting for approval`));
  assertEquals((await approve(test, agent.uid)).status, 200);
  const { body } = await test.api("GET", "/audit");
  const [entry] = (body as { entries: { action: string; subject: string }[] }).entries;
  assertEquals([entry?.action, entry?.subject], ["agent.approve-recovery", agent.uid]);

  const facts = readCertificate(await recover(test, agent));
  assertEquals(facts.publicKeyFingerprint, readCertificate(agent.certificate).publicKeyFingerprint);
  assertEquals(facts.instanceUid, agent.uid);
  assert(facts.notAfter > clock.now());
});

Deno.test("an approval that was given before the certificate expired counts for nothing", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1 });
  const agent = await enrolledAgent(test, "agent one", clock);
  await approve(test, agent.uid);
  await clock.advance(2 * DAY_MS);
  assertMatch(await recover(test, agent), /waiting for approval/);
});

Deno.test("with the policy automatic nobody has to approve, within the grace time and not after it", async () => {
  const { clock, test, agent } = await expired(29, { recovery: { policy: "automatic" } });
  await using _ = test;
  assertEquals(readCertificate(await recover(test, agent)).instanceUid, agent.uid);
  await clock.advance(2 * DAY_MS);
  assertMatch(await recover(test, agent), new RegExp(`^${CLOSE.expired} .*too long ago`));
});

Deno.test("a session with an expired certificate is served nothing but a certificate, and is not online", async () => {
  const { test, agent } = await expired(1, { recovery: { policy: "automatic" } });
  await using _ = test;
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  const first = await connection.next();
  assertEquals([first.remoteConfig, first.connectionSettings], [undefined, undefined]);
  const customMessage = jsonMessage(CUSTOM.tracking, "batch", { stream: "s", through: 0, records: [] });
  await connection.send(toServer(agent.uid, 2, { customMessage }));
  assertMatch((await connection.next()).errorResponse!.errorMessage, /only a request for a new certificate/);
  const view = (await test.api("GET", `/agents/${agent.uid}`)).body as { state: string };
  assertEquals(view.state, "offline");
});

Deno.test("a revoked agent recovers nothing", async () => {
  const { test, agent } = await expired(1, { recovery: { policy: "automatic" } });
  await using _ = test;
  await using connection = opampConnection(test, agent);
  await connection.send(toServer(agent.uid, 1, description));
  await connection.next();
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  await connection.send(toServer(agent.uid, 2));
  assertMatch((await connection.next()).errorResponse!.errorMessage, /revoked/);
  assertMatch(await recover(test, agent), new RegExp(`^${CLOSE.revoked} `));
});

interface View {
  state: string;
  reason?: string;
  lastSeen?: string;
  recovery?: { state: string; expired: string; lastKnock: string };
}

const view = async (test: TestPlatform, uid: string) =>
  (await test.api("GET", `/agents/${uid}`)).body as View;

Deno.test("who waits for approval is seen, with the time of the last knock, and those who watch are told once", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1 });
  const agent = await enrolledAgent(test, "agent one", clock);
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    await connection.send(toServer(agent.uid, 2, { agentDisconnect: {} }));
    await connection.ended;
  }
  const { lastSeen, recovery: none } = await view(test, agent.uid);
  assertEquals(none, undefined);
  await clock.advance(2 * DAY_MS);
  await using reader = await EventReader.open(test);
  await recover(test, agent);
  await clock.advance(60_000);
  await recover(test, agent);
  const waiting = await view(test, agent.uid);
  assertEquals([waiting.state, waiting.reason, waiting.lastSeen], [
    "offline",
    "certificate expired",
    lastSeen,
  ]);
  assertEquals(waiting.recovery, {
    state: "waiting",
    expired: new Date(readCertificate(agent.certificate).notAfter).toISOString(),
    lastKnock: new Date(clock.now()).toISOString(),
  });

  assertEquals(((await approve(test, agent.uid)).body as { counts: boolean }).counts, true);
  assertEquals((await view(test, agent.uid)).recovery?.state, "granted");
  const certificate = await recover(test, agent);
  {
    await using connection = opampConnection(test, { certificate, key: agent.key });
    await connection.send(toServer(agent.uid, 1, description));
    await connection.next();
    assertEquals([(await view(test, agent.uid)).state, (await view(test, agent.uid)).recovery], [
      "online",
      undefined,
    ]);
  }
  const told: string[] = [];
  while (told.at(-1) !== "agent online") {
    const { type, data } = await reader.next();
    told.push(`${type} ${data.state}`);
  }
  assertEquals(told, ["agent offline", "recovery waiting", "recovery approved", "agent online"]);
});

Deno.test("a wait is found again after a restart, at the next knock, and why the agent is away stays", async () => {
  const { test, agent } = await expired(3);
  await using _ = test;
  await recover(test, agent);
  await test.restart();
  await recover(test, agent);
  const { reason, recovery } = await view(test, agent.uid);
  assertEquals([reason, recovery?.state], ["certificate expired", "waiting"]);
});

Deno.test("an approval that cannot help says so: too early, too late, revoked", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1 });
  const agent = await enrolledAgent(test, "agent one", clock);
  const counts = async () => ((await approve(test, agent.uid)).body as { counts: boolean }).counts;
  assertEquals(await counts(), false);
  await clock.advance(40 * DAY_MS);
  assertMatch(await recover(test, agent), new RegExp(`^${CLOSE.expired} .*too long ago`));
  assertEquals((await view(test, agent.uid)).recovery?.state, "too late");
  assertEquals(await counts(), false);

  const other = await enrolledAgent(test, "agent two", clock);
  await clock.advance(2 * DAY_MS);
  await test.api("POST", `/agents/${other.uid}/revoke`);
  assertEquals(((await approve(test, other.uid)).body as { counts: boolean }).counts, false);
});
