import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Check } from "../../src/agent/doctor/check.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { prepareCandidate } from "../../src/identity/candidate.ts";
import { loadIdentity } from "../../src/identity/identity.ts";
import { Front } from "../support/front.ts";
import type { RunView } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet, freePort } from "../support/fleet.ts";

/** Moves the platform to another port and puts a load balancer without WebSockets in its place. */
async function fronted(fleet: Fleet): Promise<Front> {
  const port = fleet.port;
  await fleet.stopPlatform();
  const elsewhere = await freePort();
  const platform = await fleet.startPlatform({
    listen: { host: "127.0.0.1", port: elsewhere },
    hostnames: [fleet.authority],
    heartbeatSeconds: 1,
  });
  const state = `${fleet.home}/state`;
  const candidates = ["renewal", "identity"].map((folder) => `${state}/${folder}/key.pem`);
  return await Front.start({
    port,
    upstream: `127.0.0.1:${elsewhere}`,
    platformData: fleet.platformData,
    ca: platform.ca,
    keyFiles: [...candidates, `${state}/enrolment-key.pem`],
    upgrades: "refused",
  });
}

Deno.test("where no WebSocket passes, an agent enrols, connects and works by HTTP polling, sealed", async () => {
  await using fleet = await Fleet.start();
  await using front = await fronted(fleet);
  await fleet.enrol();
  const agent = fleet.startAgent();
  const line = await agent.line(({ message }) => message === "connected to the platform");
  assertEquals(line.transport, "polling");
  assertEquals((await fleet.agentView()).transport, "polling");

  await fleet.api.publish("copy", COPY_PROCESS);
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  await fleet.drop("data/in/secret-name.csv", "id,amount\n1,2\n");
  const told = ({ outcome, documents }: RunView) => outcome === "succeeded" && documents.out === 1;
  await eventually(() => fleet.runViews(), (runs) => runs.some(told));
  const { connection } = await fleet.json<{ connection: { state: string; reason: string } }>(["status"]);
  assertEquals([connection.state, connection.reason.includes("polling")], ["connected", true]);
  const { checks } = await fleet.json<{ checks: Check[] }>(["doctor"]);
  const verdicts = new Map(checks.map(({ name, verdict }) => [name, verdict]));
  assertEquals([verdicts.get("websocket"), verdicts.get("proof")], ["warn", "ok"]);
  assertEquals((await fleet.agentView()).state, "online", "the doctor did not disturb it");
  assertEquals(await agent.stop(), EXIT.ok);
  await eventually(
    () => fleet.agentView(),
    ({ state, reason }) => state === "offline" && reason === "stopped",
  );

  // Whoever stands between could have read every body: none tells anything.
  const passed = front.bodies.map((body) => new TextDecoder("latin1").decode(body)).join("");
  for (const told of ["secret-name", "io.sallyport.tracking", "service.version", "copy"]) {
    assert(!passed.includes(told), `"${told}" passed in the clear`);
  }
  assert(front.requests.includes("UPGRADE /v1/enroll") && front.requests.includes("UPGRADE /v1/opamp"));
});

Deno.test("a certificate is renewed by HTTP polling too", async () => {
  await using fleet = await Fleet.start();
  await using _front = await fronted(fleet);
  await fleet.enrol();
  const state = `${fleet.home}/state`;
  const { certificate } = await loadIdentity(state);
  await prepareCandidate(state); // due at once
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "the certificate was renewed");
  const { transport } = await eventually(() => fleet.agentView(), ({ state }) => state === "online");
  assertEquals(transport, "polling");
  assertEquals(await agent.stop(), EXIT.ok);
  assertNotEquals((await loadIdentity(state)).certificate, certificate);
});
