import { assertEquals } from "@std/assert";
import { Crowd, enrolCrowd } from "../../scripts/lib/crowd.ts";
import { PlatformProcess } from "../../scripts/lib/platform_process.ts";
import type { Summary } from "../support/fleet.ts";
import { eventually, freePort } from "../support/fleet.ts";

const AGENTS = 100;

Deno.test("a hundred agents that lose the platform at once all come back, and none is refused", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sallyport-storm-" });
  {
    const port = await freePort();
    await using platform = new PlatformProcess({ dataDir, port, connections: AGENTS });
    const identities = await enrolCrowd(dataDir, platform.authority, AGENTS);
    await platform.start();
    const api = await platform.client();
    const online = async () => (await api.get<Summary>("/summary")).agents.online;
    await using crowd = new Crowd(identities);
    await eventually(online, (count) => count === AGENTS);

    await platform.kill();
    await eventually(() => crowd.connected, (count) => count === 0);
    await platform.start();
    await eventually(online, (count) => count === AGENTS);
    await eventually(() => crowd.connected, (count) => count === AGENTS);
    assertEquals([...crowd.failures.keys()], ["platform.unreachable"]);

    // Asked to stop, it ends although those who were told goodbye knock again at once.
    assertEquals(await platform.stop(), 0);
    await eventually(() => crowd.connected, (count) => count === 0);
    api.close();
  }
  await Deno.remove(dataDir, { recursive: true });
});
