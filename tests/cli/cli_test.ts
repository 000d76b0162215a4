import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BUILD } from "../../src/agent/build.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { agentFromSource, runCommand } from "../../scripts/lib/agent_process.ts";
import { ROOT } from "../../scripts/lib/permissions.ts";
import { Fleet } from "../support/fleet.ts";
import { asJson, assertPlain, Home, withColour } from "./support.ts";

Deno.test("the help names every command, and each command teaches by examples that are commands", async () => {
  await using home = await Home.make();
  const { code, stdout } = await home.run("--help");
  assertEquals(code, EXIT.ok);
  for (const [name, load] of Object.entries(COMMANDS)) {
    const command = await load();
    assertEquals(command.name, name);
    assertStringIncludes(stdout, `  ${name} `);
    assert(command.examples.length > 0);
    for (const example of command.examples) assertStringIncludes(example, `sallyport ${name}`);
  }
  const one = await home.run("process", "run", "--help");
  assertEquals(one.code, EXIT.ok);
  assertStringIncludes(one.stdout, "Usage: sallyport process run FILE [OPTIONS]");
  assertStringIncludes(one.stdout, "--strict");

  const group = await home.run("process");
  assertEquals([group.code, group.stdout.includes("process check")], [EXIT.usage, true]);
  assertEquals((await home.run("process", "--help")).code, EXIT.ok);
  assertEquals((await home.run()).code, EXIT.usage);
});

Deno.test("the version is that of the build", async () => {
  await using home = await Home.make();
  const { stdout } = await home.run("--version");
  assertStringIncludes(stdout, `sallyport ${BUILD.version} (deno ${Deno.version.deno}`);
  const { value } = await home.json("--version");
  assertEquals([value.version, value.commit, value.platform], [BUILD.version, null, null]);
});

Deno.test("words that are off end with exit code 2 and the way to the help", async () => {
  await using home = await Home.make();
  const cases = [
    [["proces"], 'there is no command "proces"', "sallyport --help"],
    [["status", "--colour"], "there is no option --colour", "sallyport status --help"],
    [["process", "run"], "takes one FILE, and got 0", "sallyport process run --help"],
    [["process", "check"], "which file", "sallyport process check --help"],
    [["run", "--half", "third"], "--half", "sallyport run --help"],
  ] as const;
  for (const [words, message, help] of cases) {
    const { code, stdout, stderr } = await home.run(...words);
    assertEquals([code, stdout], [EXIT.usage, ""], stderr);
    assertStringIncludes(stderr, message);
    assertStringIncludes(stderr, `See: ${help}`);
    const { code: again, value: { error } } = await home.json(...words);
    assertEquals([again, error.code, error.remedy], [EXIT.usage, "usage", `See: ${help}`]);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("a home that is not enrolled has no status and an empty ledger", async () => {
  await using home = await Home.make();
  const status = await home.json("status");
  assertEquals([status.code, status.value.error.code], [EXIT.notEnrolled, "identity.missing"]);
  const text = await home.run("status");
  assertEquals([text.code, text.stdout], [EXIT.notEnrolled, ""]);
  assertStringIncludes(text.stderr, "(identity.missing)");
  assertEquals(await home.json("egress"), { code: EXIT.ok, value: { entries: [], totals: [] } });
  assertStringIncludes((await home.run("egress")).stdout, "Nothing has left this machine.");
});

Deno.test("permissions are those of an executable, and exit code 8 tells when they are not", async () => {
  await using home = await Home.make();
  const { code, value } = await home.json("permissions");
  assertEquals([code, value.asExpected, value.home], [EXIT.ok, true, home.path], JSON.stringify(value));
  const text = await home.run("permissions");
  assertEquals(text.code, EXIT.ok);
  assert(/connect to any other address\s+no\s+as it should be/.test(text.stdout), text.stdout);

  const args = ["run", "--quiet", "--no-check", "-A", `${ROOT}/main.ts`];
  await using open = await Home.make({ command: Deno.execPath(), args });
  const wide = await open.json("permissions");
  assertEquals([wide.code, wide.value.asExpected], [EXIT.failed, false]);
  assertStringIncludes((await open.run("permissions")).stdout, "should be no");
});

Deno.test("status and egress of an agent that was connected, and is not now", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  assertEquals(await agent.stop(), EXIT.ok);

  const program = withColour(await agentFromSource(fleet.authority));
  const run = (...words: string[]) => runCommand(program, fleet.home, words);
  const json = async (...words: string[]) => asJson(await run(...words, "--json"));

  const status = await json("status");
  assertEquals(status.code, EXIT.ok);
  assertEquals([status.value.agent.name, status.value.agent.platform], ["test", fleet.authority]);
  assertEquals([status.value.running, status.value.connection.state], [
    { gatehouse: false, engine: false },
    "stopped",
  ]);
  const egress = await json("egress");
  assert(egress.value.entries.length > 0);
  const { number } = egress.value.entries[0];
  assertEquals((await json("egress", "show", String(number))).value.number, number);
  assertEquals((await json("egress", "verify")).value.whole, true);
  const none = await json("egress", "show", "999999");
  assertEquals([none.code, none.value.error.code], [EXIT.failed, "request.not-found"]);
  const limit = await json("egress", "--limit", "many");
  assertEquals([limit.code, limit.value.error.remedy], [EXIT.usage, "See: sallyport egress --help"]);

  for (const [words, part] of [[["status"], "Gatehouse  not running"], [["egress"], "payloads,"]] as const) {
    const result = await run(...words);
    assertPlain(result);
    assertEquals(result.code, EXIT.ok);
    assertStringIncludes(result.stdout, part);
  }
});
