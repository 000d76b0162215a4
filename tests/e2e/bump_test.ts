import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import type { AgentProgram, LogLine } from "../../scripts/lib/agent_process.ts";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { Company } from "../support/company.ts";
import { Fleet } from "../support/fleet.ts";
import { HEADERS_OF_AN_UPGRADE, intercept } from "../support/interceptor.ts";
import type { Proxy } from "../support/proxy.ts";
import { startBump, whyNoBump } from "../support/squid.ts";

/** A squid that opens TLS (`ssl_bump`), reached by HTTPS_PROXY: what an agent meets in many companies. */

const skipReason = await whyNoBump();
if (skipReason) console.log(`proxies that open TLS are not tested: ${skipReason}`);

const company = await Company.found("Corporate inspection");

function test(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore: skipReason !== undefined, fn: run });
}

/** The agent behind the proxy, on a machine that trusts these roots. */
async function behind(proxy: Proxy, fleet: Fleet, ...roots: string[]): Promise<AgentProgram> {
  const { command, args } = fleet.program;
  const settings = [`HTTPS_PROXY=${proxy.url()}`];
  if (roots.length > 0) {
    await Deno.writeTextFile(`${fleet.home}/roots.pem`, roots.join(""));
    settings.push(`DENO_CERT=${fleet.home}/roots.pem`);
  }
  return { command: "env", args: [...settings, command, ...args] };
}

async function endOfFirstTry(
  fleet: Fleet,
  program: AgentProgram,
): Promise<LogLine & { reason: string; remedy: string }> {
  const agent = fleet.startAgent(["run"], program);
  const line = await agent.line(({ message }) => message === "not connected");
  await agent.stop();
  return { ...line, reason: String(line.reason), remedy: String(line.remedy) };
}

async function enrol(fleet: Fleet, program: AgentProgram, bundle: string) {
  const { code, stdout } = await runCommand(program, fleet.home, ["enroll", bundle, "--json"]);
  return { code, error: JSON.parse(stdout).error };
}

test("a proxy that opens TLS is told from the platform, and the command in the remedy shows its CA", async () => {
  await using fleet = await Fleet.start();
  await using proxy = await startBump({ company, upstreamCa: fleet.platform.ca, upgrades: true });
  const program = await behind(proxy, fleet);
  const { code, error } = await enrol(fleet, program, await fleet.api.bundle());
  assertEquals([code, error.code], [EXIT.notAuthentic, "platform.not-trusted"]);
  assertEquals([error.facts.subject, error.facts.signedByBundle], ["CN=127.0.0.1", true]);

  await fleet.enrol();
  const line = await endOfFirstTry(fleet, program);
  assertEquals(line.code, "platform.not-trusted", JSON.stringify(line));
  assertStringIncludes(line.reason, "as it should be; what was refused came another way: through a proxy");
  const command = line.remedy.match(/openssl .* <\/dev\/null/)![0].replace(
    "PROXY:PORT",
    `127.0.0.1:${proxy.port}`,
  );
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command], stderr: "null" }).output();
  assertStringIncludes(new TextDecoder().decode(stdout), "CN = Corporate inspection");
  assert(!(await proxy.log()).includes("/v1/"), "it did not even see where the agent would go");
});

test("a proxy whose root the machine trusts is told from the platform, and learns no secret", async () => {
  await using fleet = await Fleet.start();
  await using proxy = await startBump({ company, upstreamCa: fleet.platform.ca, upgrades: true });
  const program = await behind(proxy, fleet, company.root);
  const bundle = await fleet.api.bundle();
  const { code, error } = await enrol(fleet, program, bundle);
  assertEquals([code, error.code], [EXIT.notAuthentic, "platform.not-proved"]);
  assertStringIncludes(error.message, "either a proxy that opens TLS connections was in between");
  assertEquals((await enrol(fleet, fleet.program, bundle)).code, EXIT.ok, "the secret was not used");

  const line = await endOfFirstTry(fleet, program);
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertStringIncludes(line.remedy, "openssl s_client -proxy");
  assertEquals((await fleet.json<{ entries: unknown[] }>(["egress"])).entries, []);
});

test("what comes out of such a proxy is the challenge, and not one byte more", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  // Behind it stands another one, which sees what it sees and has the platform answer.
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  await using proxy = await startBump({ company, upstreamCa: interceptor.root, upgrades: true });
  const line = await endOfFirstTry(fleet, await behind(proxy, fleet, company.root));
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assert(interceptor.relayed > 0, "the platform's proof came, and was not believed");
  assertEquals(interceptor.fromAgent, []);
  const ofTheProxy = ["via", "x-forwarded-for", "cache-control"];
  for (const { path, headers } of interceptor.upgrades) {
    const others = headers.filter((name) => !HEADERS_OF_AN_UPGRADE.has(name) && !ofTheProxy.includes(name));
    assertEquals([path, others], ["/v1/opamp", []]);
  }
});

test("a proxy that opens TLS and lets no WebSocket through is named as it names itself", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await using proxy = await startBump({ company, upstreamCa: fleet.platform.ca, upgrades: false });
  const agent = fleet.startAgent(["run"], await behind(proxy, fleet, company.root));
  const polling = await agent.line(({ message }) => message === "no WebSocket can be had: polling");
  assertStringIncludes(String(polling.reason), 'through "1.1 proxy.company.example');
  // What is asked next is the proof over HTTP, which is bound to the agent's certificate as well.
  const line = await agent.line(({ message }) => message === "not connected");
  await agent.stop();
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertEquals((await fleet.json<{ entries: unknown[] }>(["egress"])).entries, []);
});
