import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { CLEARED_VARIABLES, serviceUnit } from "../../src/agent/service_units.ts";
import { agentFromSource, runCommand } from "../../scripts/lib/agent_process.ts";
import { temporaryFolder } from "../support/home.ts";

/** Why units cannot be checked by systemd itself; undefined when they can. */
async function whyNoSystemd(): Promise<string | undefined> {
  try {
    await new Deno.Command("systemd-analyze", { args: ["--version"], stdout: "null" }).output();
    return undefined;
  } catch {
    return "there is no systemd-analyze here (Debian: apt-get install systemd)";
  }
}
const skipReason = await whyNoSystemd();
if (skipReason) console.log(`the service units are not checked by systemd: ${skipReason}`);

/** The values of a key in a unit. */
function values(text: string, key: string): string[] {
  return text.split("\n").filter((line) => line.startsWith(`${key}=`)).map((line) =>
    line.slice(key.length + 1)
  );
}

Deno.test("each half gets what it needs and not what the other has, and no variable that weakens TLS", () => {
  const [gatehouse, engine] = (["gatehouse", "engine"] as const)
    .map((half) => serviceUnit(half, { home: "/srv/agent", user: "sallyport" }).text);
  assertEquals(values(gatehouse!, "InaccessiblePaths"), [
    '"/srv/agent/data" -"/srv/agent/secrets" -"/srv/agent/state/sealing-key.pem"',
  ]);
  assertEquals(values(gatehouse!, "PrivateNetwork"), []);
  assertEquals(values(engine!, "PrivateNetwork"), ["yes"]);
  assertStringIncludes(values(engine!, "InaccessiblePaths")[0]!, "/srv/agent/state/identity");
  assertEquals(values(engine!, "EnvironmentFile"), []);
  for (const unit of [gatehouse!, engine!]) {
    assertEquals(values(unit, "UnsetEnvironment"), [CLEARED_VARIABLES.join(" ")]);
    assertEquals(values(unit, "NoNewPrivileges"), ["yes"]);
  }
});

Deno.test("an engine that may connect somewhere has a network, and its unit says where to", () => {
  const connect = ["db.example:5432"];
  const { text } = serviceUnit("engine", { home: "/srv/agent", user: "sallyport", connect });
  assertEquals(values(text, "PrivateNetwork"), []);
  assertStringIncludes(text, "db.example:5432");
});

Deno.test({
  name: "systemd takes the units, and finds little that is exposed",
  ignore: skipReason !== undefined,
}, async () => {
  using folder = temporaryFolder();
  const home = `${folder.path}/a home at 100%`;
  await Deno.mkdir(home);
  await Deno.writeTextFile(`${home}/sallyport`, "#!/bin/sh\n", { mode: 0o755 });
  const units = (["gatehouse", "engine"] as const).map((half) => serviceUnit(half, { home, user: "nobody" }));
  for (const { name, text } of units) {
    const path = `${folder.path}/${name}`;
    await Deno.writeTextFile(path, text);
    const analyze = async (...args: string[]) => {
      const { success, stdout, stderr } = await new Deno.Command("systemd-analyze", {
        args: [...args, path],
        stdout: "piped",
        stderr: "piped",
        env: { SYSTEMD_LOG_LEVEL: "warning" },
      }).output();
      return { success, said: new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout) };
    };
    const verified = await analyze("verify", "--man=no", "--recursive-errors=no");
    assertEquals([verified.success, verified.said], [true, ""]);
    // In tenths, of a scale from 0 to 10; a service without any of this is at 9.6.
    const rated = await analyze("security", "--offline=true", "--threshold=30");
    assert(rated.success, rated.said);
  }
});

Deno.test("the command prints one unit as it is, both with their places, and refuses what is no user", async () => {
  using folder = temporaryFolder();
  const program = await agentFromSource("127.0.0.1:443");
  const run = (...words: string[]) => runCommand(program, folder.path, ["service", "print", ...words]);
  const home = await Deno.realPath(folder.path);
  const { text } = serviceUnit("engine", { home, user: "me" });
  assertEquals((await run("--half", "engine", "--user", "me")).stdout, text);
  assertStringIncludes((await run()).stdout, "# /etc/systemd/system/sallyport-gatehouse.service");
  assertEquals(JSON.parse((await run("--json")).stdout).units.length, 2);
  assertEquals((await run("--user", "me\nExecStart=")).code, 2);
  assertThrows(() => serviceUnit("engine", { home: '/srv/"$HOME', user: "me" }), SallyportError, "systemd");
});
