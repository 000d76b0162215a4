import { assertEquals } from "@std/assert";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
if (!isRoot) {
  console.log("The test of a full state disk is skipped: a file system of its own needs root on Linux.");
}

async function run(...command: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

Deno.test({
  name:
    "a full state disk stops no agent: it stays online, runs wait, and all goes on when there is room again",
  ignore: !isRoot,
  async fn() {
    await using fleet = await Fleet.start();
    const state = `${fleet.home}/state`;
    await Deno.mkdir(state);
    await run("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", state);
    try {
      await fleet.enrol();
      await fleet.api.publish("copy", COPY_PROCESS);
      await Deno.mkdir(`${fleet.home}/data/in`, { recursive: true });
      const agent = fleet.startAgent();
      await agent.connected();
      await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");

      await run("sh", "-c", `cat /dev/zero > '${state}/fill' 2>/dev/null || true`);
      await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
      await agent.line(({ code }) => code === "disk.full");
      assertEquals((await fleet.agentView()).state, "online");
      assertEquals([...Deno.readDirSync(`${fleet.home}/data/in`)].map(({ name }) => name), ["a.csv"]);

      // A connection that is lost meanwhile cannot even be noted, which is no reason to go down.
      await fleet.stopPlatform();
      await agent.line(({ message }) => message === "not connected");
      await Deno.remove(`${state}/fill`);
      await fleet.startPlatform();
      await eventually(() => fleet.api.get<Summary>("/summary"), ({ documents }) => documents.out === 1);
      assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
      assertEquals(await agent.stop(), 0);
    } finally {
      await run("umount", "-l", state);
    }
  },
});
