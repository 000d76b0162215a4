import { assertEquals } from "@std/assert";
import { createOpAMPClient, RemoteConfigStatuses } from "@elastic/opamp-client-node";
import { AGENT_CAPABILITY } from "../../src/protocol/capabilities.ts";
import { eventually } from "../support/fleet.ts";
import { enrolledAgent, testPlatform } from "../platform/support.ts";

Deno.test("a plain OpAMP agent that polls works with the platform: status, heartbeat, remote config", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const received: Record<string, string>[] = [];
  const client = createOpAMPClient({
    endpoint: `${test.platform.url}/v1/opamp`,
    instanceUid: agent.uid,
    capabilities: AGENT_CAPABILITY.acceptsRemoteConfig | AGENT_CAPABILITY.reportsRemoteConfig,
    heartbeatIntervalSeconds: 0.2,
    connect: { ca: test.platform.ca, cert: agent.certificate, key: agent.key },
    onMessage({ remoteConfig }) {
      if (!remoteConfig) return;
      const files = Object.entries(remoteConfig.config!.configMap as Record<string, { body: Uint8Array }>);
      received.push(
        Object.fromEntries(files.map(([name, { body }]) => [name, new TextDecoder().decode(body)])),
      );
      client.setRemoteConfigStatus({
        lastRemoteConfigHash: remoteConfig.configHash,
        status: RemoteConfigStatuses.RemoteConfigStatuses_APPLIED,
      });
    },
  });
  client.setAgentDescription({ identifyingAttributes: { "service.name": "somebody else's agent" } });
  client.start();
  try {
    const view = async () => (await test.api("GET", `/agents/${agent.uid}`)).body as AgentView;
    const online = await eventually(view, ({ state }) => state === "online");
    assertEquals([online.transport, online.attributes["service.name"]], ["polling", "somebody else's agent"]);

    const definition = 'process: copy\nversion: "1"\n';
    await test.api("PUT", "/processes/copy", { definition });
    await eventually(() => received, (configs) => configs.length > 0);
    await eventually(view, ({ config }) => config.status === "applied");
    assertEquals(received, [{ copy: definition }], "what it has taken is not offered again");
  } finally {
    await client.shutdown();
  }
});

interface AgentView {
  state: string;
  transport?: string;
  attributes: Record<string, string>;
  config: { status: string };
}
