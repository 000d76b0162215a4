import { assert, assertEquals } from "@std/assert";
import { createServer } from "node:net";
import { decodeBundle, encodeBundle } from "../../src/trust/bundle.ts";
import { exists } from "../../src/base/files.ts";
import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { agentFlags } from "../../scripts/lib/permissions.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import { COPY_PROCESS, eventually, Fleet, freePort } from "../support/fleet.ts";
import type { Summary } from "../support/fleet.ts";

const reason = await whyNoExecutable();
if (reason) console.log(`The executable's tests are skipped: ${reason}`);

Deno.test({
  name: "the executable enrols, runs a process, tracks it, and stops with a goodbye",
  ignore: reason !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    const port = await freePort();
    const program = await compileAgent(`127.0.0.1:${port}`, `${folder}/sallyport`);
    try {
      await using fleet = await Fleet.start(() => Promise.resolve(program), port);
      await fleet.enrol();
      await fleet.api.publish("copy", COPY_PROCESS);
      const agent = fleet.startAgent();
      await agent.connected();
      await fleet.drop("data/in/a.csv", "id,amount\n1,10\nbroken\n2,20\n");
      const { documents } = await eventually(
        () => fleet.api.get<Summary>("/summary"),
        ({ documents }) => documents.in === 3,
      );
      assertEquals([documents.out, documents.failed], [2, 1]);
      assertEquals(
        await Deno.readTextFile(`${fleet.home}/data/out/a.ndjson`),
        '{"id":"1","amount":10}\n{"id":"2","amount":20}\n',
      );
      await eventually(() => fleet.json<{ spool: unknown[] }>(["status"]), ({ spool }) => spool.length === 0);
      assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
      // Bundling must not lose a `using`: of what it has open in its home, all are files that it works with.
      if (Deno.build.os === "linux") {
        const open = openBelow(fleet.home, agent.child.pid);
        assert(open.length > 0);
        assertEquals(open.filter((path) => !/^state\/(sallyport\.db(-wal|-shm)?|\w+\.lock)$/.test(path)), []);
      }
      assertEquals(await agent.stop("SIGTERM"), 0);
      assertEquals(
        (await eventually(() => fleet.agentView(), ({ state }) => state === "offline")).reason,
        "stopped",
      );

      // Nothing was installed along with it: the home holds what the agent made, and no more.
      const entries = [...Deno.readDirSync(fleet.home)].map(({ name }) => name).sort();
      assertEquals(entries, ["data", "state"]);

      const { asExpected } = await fleet.json<{ asExpected: boolean }>(["permissions"]);
      assertEquals(asExpected, true);
      const version = await fleet.json<{ platform: string; commit: string }>(["--version"]);
      assertEquals(version.platform, `127.0.0.1:${port}`);
      assert(/^[0-9a-f]{40}$/.test(version.commit));

      await refusesAnotherAddress(fleet, program);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What a process has open in a folder; names are relative to it. */
function openBelow(folder: string, pid: number): string[] {
  const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => `/proc/${pid}/fd/${name}`);
  const paths = descriptors.map((descriptor) => Deno.readLinkSync(descriptor));
  return paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
}

/** A bundle for another port of the same host: the executable must not even connect. */
async function refusesAnotherAddress(fleet: Fleet, program: AgentProgram): Promise<void> {
  let connections = 0;
  const trap = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => trap.listen(port, "127.0.0.1", resolve));
  const home = await Deno.makeTempDir();
  try {
    const bundle = encodeBundle({ ...decodeBundle(await fleet.api.bundle()), platform: `127.0.0.1:${port}` });
    const { runCommand } = await import("../../scripts/lib/agent_process.ts");
    const { code, stdout } = await runCommand(program, home, ["enroll", bundle, "--json"]);
    assertEquals([code, JSON.parse(stdout).error.code], [7, "bundle.wrong-platform"]);
    assertEquals(connections, 0);
    assertEquals(await exists(`${home}/state/identity`), false);
  } finally {
    await Deno.remove(home, { recursive: true });
    await new Promise<void>((resolve) => trap.close(() => resolve()));
  }
}

Deno.test({
  name:
    "code with the executable's permissions can do nothing that it should not, in whatever home it is started",
  ignore: reason !== undefined,
  async fn() {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    try {
      // The same flags, compiled in one folder and started in another, with a program that only tries to break out.
      await Deno.mkdir(`${folder}/build`);
      await Deno.mkdir(`${folder}/home/data`, { recursive: true });
      await Deno.writeTextFile(`${folder}/outside.txt`, "secret");
      await Deno.copyFile(new URL("../support/escape_probe.js", import.meta.url), `${folder}/build/probe.js`);
      const platform = `127.0.0.1:${await freePort()}`;
      const { success, stderr } = await new Deno.Command(
        Deno.env.get("DENO_COMPILE_BIN") ?? Deno.execPath(),
        {
          args: [
            "compile",
            "--quiet",
            "--no-config",
            "--no-code-cache",
            ...await agentFlags(platform),
            "-o",
            "probe",
            "probe.js",
          ],
          cwd: `${folder}/build`,
          stdout: "null",
        },
      ).output();
      assert(success, new TextDecoder().decode(stderr));

      const { stdout } = await new Deno.Command(`${folder}/build/probe`, {
        args: [platform, `127.0.0.1:${await freePort()}`, `${folder}/outside.txt`],
        cwd: `${folder}/home`,
        env: { SECRET_OF_THE_ENVIRONMENT: "hunter2" },
      }).output();
      assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
        "connect to the platform": "ConnectionRefused", // allowed; nobody listens
        "write in the home": "done",
        "read in the home": "done",
        "connect to another port": "NotCapable",
        "connect to another host": "NotCapable",
        "fetch from another host": "NotCapable",
        "resolve a name": "NotCapable",
        "listen": "NotCapable",
        "listen by node:http": "NotCapable",
        "read outside": "NotCapable",
        "read outside by ..": "NotCapable",
        "read /etc/passwd": "NotCapable",
        "write outside": "NotCapable",
        "write policy.yaml": "NotCapable",
        "write policy.yaml by its whole path": "NotCapable",
        "rename onto policy.yaml": "NotCapable",
        "write ca.pem": "NotCapable",
        "rename onto ca.pem": "NotCapable",
        "link to a folder outside": "NotCapable",
        "start a program": "NotCapable",
        "start a program by node": "NotFound",
        "load a library": "NotCapable",
        "read the environment": "undefined",
        "hostname": "NotCapable",
      });
      assertEquals(await exists(`${folder}/home/policy.yaml`), false);
      assertEquals(await exists(`${folder}/home/ca.pem`), false);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
