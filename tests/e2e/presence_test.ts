import { assertEquals } from "@std/assert";
import { EventReader } from "../platform/stream.ts";
import { eventually, Fleet } from "../support/fleet.ts";

const shown = ({ state, reason }: { state: string; reason?: string }) =>
  reason ? `${state}: ${reason}` : state;

async function until(fleet: Fleet, wanted: string): Promise<void> {
  await eventually(async () => shown(await fleet.agentView()), (is) => is === wanted);
}

Deno.test("an agent is shown as what became of it: stopped, killed, waited for, silent", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await fleet.stopPlatform();
  await fleet.startPlatform({ heartbeatSeconds: 1 });

  const stopped = fleet.startAgent();
  await stopped.connected();
  await until(fleet, "online");
  await stopped.stop("SIGTERM");
  await until(fleet, "offline: stopped");

  const killed = fleet.startAgent();
  await killed.connected();
  await until(fleet, "online");
  await killed.stop("SIGKILL");
  await until(fleet, "offline: connection lost");

  // It cannot come back while it is held, so what the platform says before is no race.
  const held = fleet.startAgent();
  await held.connected();
  await until(fleet, "online");
  held.child.kill("SIGSTOP");
  await fleet.stopPlatform();
  await fleet.startPlatform({ heartbeatSeconds: 1 });
  assertEquals(shown(await fleet.agentView()), "offline: platform restarted");
  held.child.kill("SIGCONT");
  await until(fleet, "online");

  // An agent that is held keeps its socket open and says nothing, as behind a network that swallows everything.
  using client = Deno.createHttpClient({ caCerts: [fleet.platform.ca] });
  await using reader = await EventReader.open({ platform: fleet.platform, client, token: fleet.token });
  held.child.kill("SIGSTOP");
  const told: string[] = [];
  while (!told.at(-1)?.startsWith("offline")) {
    const { data } = await reader.until(({ type }) => type === "agent");
    told.push(shown({ state: data.state!, ...data }));
  }
  assertEquals(told.slice(-2), ["suspect: heartbeat overdue", "offline: heartbeats missing"]);
  held.child.kill("SIGCONT");
  await until(fleet, "online");
});
