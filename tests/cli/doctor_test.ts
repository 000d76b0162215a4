import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import type { Check } from "../../src/agent/doctor/check.ts";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { clockAhead } from "../support/clock.ts";
import { Company } from "../support/company.ts";
import { eventually, Fleet } from "../support/fleet.ts";
import { strangeServer } from "../support/tls_server.ts";
import { asJson, assertPlain, Home, withColour } from "./support.ts";

/** Runs the doctor, as a script would, and gives its checks by name. */
async function examine(fleet: Fleet, environment: string[] = []) {
  const { command, args } = fleet.program;
  const program = { command: "env", args: [...environment, command, ...args] };
  const { code, value } = asJson(await runCommand(program, fleet.home, ["doctor", "--json"]));
  const checks = new Map((value.checks as Check[]).map((check) => [check.name, check]));
  const of = (name: string) => checks.get(name)!;
  const wrong = [...checks.values()].filter(({ verdict }) => verdict === "warn" || verdict === "fail");
  return {
    code,
    verdict: value.verdict as string,
    of,
    wrong: wrong.map(({ name, verdict }) => [name, verdict]),
  };
}

async function enrolled(): Promise<Fleet> {
  const fleet = await Fleet.start();
  await fleet.enrol();
  return fleet;
}

Deno.test("the doctor teaches on a home that is not enrolled, and leaves nothing in it", async () => {
  await using home = await Home.make();
  await Deno.chmod(home.path, 0o700);
  const { code, value } = await home.json("doctor");
  assertEquals([code, value.verdict], [EXIT.failed, "fail"]);
  const failed = (value.checks as Check[]).filter(({ verdict }) => verdict === "fail");
  assertEquals(failed.map(({ name }) => name), ["identity"]);
  assertStringIncludes(failed[0]!.remedy!, "sallyport enroll");
  const text = await home.run("doctor");
  assertEquals(text.code, EXIT.failed);
  assertStringIncludes(text.stdout, "What to do:\nidentity: ");
  assertEquals([...Deno.readDirSync(home.path)], []);
});

Deno.test("a stopped agent is examined up to the proof, and its proxy is what cannot be known", async () => {
  await using fleet = await enrolled();
  const { code, verdict, of, wrong } = await examine(fleet);
  assertEquals([code, verdict, wrong], [EXIT.ok, "warn", [["gatehouse", "warn"]]]);
  assertStringIncludes(of("proof").reason, "takes this agent");
  assertStringIncludes(of("tls").reason, "TLSv1.3");
  assertEquals([of("clock").verdict, of("disk").verdict, of("proxy").verdict], ["ok", "ok", "skipped"]);
  assertEquals([...Deno.readDirSync(`${fleet.home}/state`)].map(({ name }) => name), ["identity"]);
  const { state, reason } = await fleet.agentView();
  assertEquals([state, reason], ["offline", "not connected yet"]); // nobody took the doctor for the agent
});

Deno.test("a running agent is not disturbed", async () => {
  await using fleet = await enrolled();
  const agent = fleet.startAgent();
  await agent.connected();
  const { code, verdict, of, wrong } = await examine(fleet);
  assertEquals([code, verdict, wrong], [EXIT.ok, "ok", []]);
  assertEquals([of("gatehouse").verdict, of("connection").verdict], ["ok", "ok"]);
  assertStringIncludes(of("proof").reason, "takes this agent");
  // A process on its way through the same connection shows that it still stands.
  await fleet.api.publish("nothing", "process: nothing");
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "rejected");
  assertEquals(agent.lines.filter(({ message }) => message === "not connected"), []);

  const text = await runCommand(withColour(fleet.program), fleet.home, ["doctor"]);
  assertPlain(text);
  assertStringIncludes(text.stdout, "Nothing is wrong.");
});

Deno.test("with the platform down, the step that fails is named, and those before it are good", async () => {
  await using fleet = await enrolled();
  await fleet.stopPlatform();
  const { code, of } = await examine(fleet);
  assertEquals(code, EXIT.failed);
  assertEquals([of("address").verdict, of("dns").verdict, of("tcp").verdict], ["ok", "ok", "fail"]);
  assertStringIncludes(of("tcp").reason, "refused");
  assertEquals([of("tls").verdict, of("clock").verdict, of("proof").verdict], ["skipped", "skipped", "fail"]);
});

Deno.test("a revoked agent is told so by the doctor, too", async () => {
  await using fleet = await enrolled();
  const { id } = await fleet.agentView();
  await fleet.api.call("POST", `/agents/${id}/revoke`);
  const { code, of } = await examine(fleet);
  assertEquals([code, of("tls").verdict, of("clock").verdict], [EXIT.failed, "ok", "ok"]);
  assertStringIncludes(of("proof").reason, "proved its key, but");
  assertStringIncludes(of("proof").reason, "revoked");
});

Deno.test("a clock that is off is told, and by how much", async () => {
  await using fleet = await enrolled();
  for (
    const [minutes, verdict, by] of [[5, "warn", "5 minutes behind"], [
      -1500,
      "fail",
      "25 hours ahead",
    ]] as const
  ) {
    await fleet.stopPlatform();
    await fleet.startPlatform({ clock: clockAhead(minutes * 60_000) });
    const { of } = await examine(fleet);
    assertEquals([of("clock").verdict, of("clock").reason.includes(by)], [verdict, true], of("clock").reason);
  }
});

Deno.test("what is wrong in the home is named", async () => {
  await using fleet = await enrolled();
  await Deno.chmod(`${fleet.home}/state/identity/key.pem`, 0o644);
  await Deno.writeTextFile(`${fleet.home}/state/sallyport.db`, "this is no database".repeat(100));
  await Deno.chmod(fleet.home, 0o777);
  const { code, of } = await examine(fleet);
  assertEquals(code, EXIT.failed);
  assertEquals([of("home").verdict, of("identity").verdict, of("database").verdict], [
    "warn",
    "fail",
    "fail",
  ]);
  assertEquals(of("identity").remedy!.startsWith("chmod 600 state/identity/key.pem"), true);
});

Deno.test({ name: "in a home of another user nothing is touched", ignore: Deno.uid() !== 0 }, async () => {
  await using home = await Home.make();
  await Deno.chown(home.path, 65_534, 65_534);
  const { code, value } = await home.json("doctor");
  assertEquals(code, EXIT.failed);
  assertEquals((value.checks as Check[]).map(({ verdict }) => verdict), ["fail", "skipped"]);
  assertStringIncludes(value.checks[0].reason, "belongs to user 65534, but user 0 runs this");
});

Deno.test("whoever opens TLS on the way is named, also when this machine trusts its root", async () => {
  await using fleet = await enrolled();
  await fleet.stopPlatform();
  const company = await Company.found("Corporate inspection");
  await using _ = await strangeServer(await company.certify(), fleet.port);
  const strange = await examine(fleet);
  assertEquals([strange.code, strange.of("tls").verdict], [EXIT.failed, "fail"]);
  for (const part of ["not trusted", 'of "CN=127.0.0.1"', 'issued by "CN=Corporate inspection"']) {
    assertStringIncludes(strange.of("tls").reason, part);
  }
  assertStringIncludes(strange.of("tls").remedy!, "opens TLS connections");

  await Deno.writeTextFile(`${fleet.home}/root.pem`, company.root);
  const trusted = await examine(fleet, [`DENO_CERT=${fleet.home}/root.pem`]);
  assertEquals(trusted.of("tls").verdict, "fail");
  assertStringIncludes(
    trusted.of("tls").reason,
    "nothing that this agent is told to trust vouches for it",
  );
  assert(trusted.of("proof").verdict === "fail");

  // Its root in ca.pem makes TLS trust it, and it still is not the platform.
  await Deno.writeTextFile(`${fleet.home}/ca.pem`, company.root);
  const added = await examine(fleet);
  assertEquals([added.of("tls").verdict, added.of("proof").verdict], ["ok", "fail"]);
});

Deno.test("the doctor tells which CAs are trusted, and what of ca.pem is of no use", async () => {
  await using home = await Home.make();
  const ca = async () => {
    const { value } = await home.json("doctor");
    return (value.checks as Check[]).find(({ name }) => name === "ca")!;
  };
  assertEquals([(await ca()).verdict, (await ca()).reason], [
    "ok",
    "the public roots that the runtime carries",
  ]);
  const [first, second] = [await Company.found("First"), await Company.found("Second")];
  await Deno.writeTextFile(`${home.path}/ca.pem`, first.root + second.root);
  const soon = await ca();
  assertEquals(soon.verdict, "warn"); // the CAs of tests end tomorrow
  assertStringIncludes(soon.reason, "2 of ca.pem, all good until");
  await Deno.remove(`${home.path}/ca.pem`);
  await Deno.mkdir(`${home.path}/ca.pem`);
  assertStringIncludes((await ca()).reason, "it is no file");
});

Deno.test("with a damaged ca.pem the connection stands by the bundle's CA", async () => {
  await using fleet = await enrolled();
  const { root } = await Company.found();
  await Deno.writeTextFile(`${fleet.home}/ca.pem`, `${root}-----BEGIN CERTIFICATE-----\nAAAA`);
  const { code, of } = await examine(fleet);
  assertEquals([code, of("ca").verdict, of("tls").verdict, of("proof").verdict], [
    EXIT.ok,
    "warn",
    "ok",
    "ok",
  ]);
  assertStringIncludes(of("ca").reason, `block 2 (line ${root.split("\n").length}) lacks its last line`);
  assertStringIncludes(of("ca").reason, "the bundle's CA \"CN=Sallyport CA");
});
