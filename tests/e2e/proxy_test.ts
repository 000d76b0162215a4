import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import type { Check } from "../../src/agent/doctor/check.ts";
import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import type { RunView } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import type { Login, Proxy, ProxyProgram } from "../support/proxy.ts";
import { squid } from "../support/squid.ts";
import { tinyproxy } from "../support/tinyproxy.ts";

const PROXIES: ProxyProgram[] = [tinyproxy, squid];
const present: ProxyProgram[] = [];
for (const program of PROXIES) {
  const reason = await program.whyNone();
  if (reason === undefined) present.push(program);
  else console.log(`${program.name} is not tested: ${reason}`);
}
const executableReason = await whyNoExecutable();
const login: Login = { name: "alice", password: "s3cret" };

/** A test of what every proxy must be good for. */
function testEach(name: string, run: (program: ProxyProgram) => Promise<void>): void {
  for (const program of PROXIES) {
    Deno.test({
      name: `${name} (${program.name})`,
      ignore: !present.includes(program),
      fn: () => run(program),
    });
  }
}

/** A test of the agent's side, for which one proxy is as good as another. */
function testWithOne(name: string, run: (program: ProxyProgram) => Promise<void>, ignore = false): void {
  Deno.test({ name, ignore: ignore || present.length === 0, fn: () => run(present[0]!) });
}

/** The agent with variables in its environment, which it cannot read itself. */
function under({ command, args }: AgentProgram, variables: Record<string, string>): AgentProgram {
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return { command: "env", args: [...settings, command, ...args] };
}

async function enrol(fleet: Fleet, program: AgentProgram) {
  return await runCommand(program, fleet.home, ["enroll", await fleet.api.bundle(), "--json"]);
}

/** Waits until the proxy has been asked so often: it writes its log in its own time. */
async function untilAsked(proxy: Proxy, fleet: Fleet, times: number): Promise<void> {
  await eventually(() => proxy.requests(fleet.authority), (requests) => requests === times);
}

/** Enrols, connects, takes a process and tells of its run: all through the proxy. */
async function workThrough(fleet: Fleet, proxy: Proxy, login: string): Promise<void> {
  const program = under(fleet.program, { HTTPS_PROXY: proxy.url(login) });
  const { code, stdout } = await enrol(fleet, program);
  assertEquals(code, EXIT.ok, stdout);
  await untilAsked(proxy, fleet, 1);

  const agent = fleet.startAgent(["run"], program);
  await agent.connected();
  await fleet.api.publish("copy", COPY_PROCESS);
  await eventually(() => fleet.agentView(), ({ processes }) => processes[0]?.state === "active");
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n");
  const told = ({ outcome, documents }: RunView) => outcome === "succeeded" && documents.out === 1;
  await eventually(() => fleet.runViews(), (runs) => runs.some(told));
  assertEquals(await agent.stop(), EXIT.ok);
  await untilAsked(proxy, fleet, 2);
}

testEach("an agent enrols and works through a proxy", async ({ start }) => {
  await using proxy = await start();
  await using fleet = await Fleet.start();
  await workThrough(fleet, proxy, "");
});

testEach("an agent enrols and works through a proxy that asks for a password", async ({ start }) => {
  await using proxy = await start(login);
  await using fleet = await Fleet.start();
  await workThrough(fleet, proxy, "alice:s3cret");
});

testWithOne("the executable enrols and works through a proxy that asks for a password", async ({ start }) => {
  const folder = await Deno.makeTempDir({ prefix: "sallyport-executable-" });
  try {
    await using proxy = await start(login);
    await using fleet = await Fleet.start((authority) => compileAgent(authority, `${folder}/sallyport`));
    await workThrough(fleet, proxy, "alice:s3cret");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, executableReason !== undefined);

testEach("a proxy that refuses the password is named, by the doctor too", async ({ start }) => {
  await using proxy = await start(login);
  await using fleet = await Fleet.start();
  for (const wrong of ["alice:wrong", ""]) {
    const program = under(fleet.program, { HTTPS_PROXY: proxy.url(wrong) });
    const { code, stdout } = await enrol(fleet, program);
    const { error } = JSON.parse(stdout);
    assertEquals([code, error.code], [EXIT.unreachable, "platform.unreachable"]);
    assertStringIncludes(error.message, "the proxy does not connect");
    assertStringIncludes(error.remedy, "HTTPS_PROXY");
    assert(!stdout.includes("wrong"), "the password is nobody's to read");
  }
  const nobody = await enrol(fleet, under(fleet.program, { HTTPS_PROXY: "http://127.0.0.1:9" }));
  const { error } = JSON.parse(nobody.stdout);
  assertEquals([nobody.code, error.code], [EXIT.unreachable, "platform.unreachable"]);
  assertStringIncludes(error.remedy, "HTTPS_PROXY");

  await fleet.enrol();
  const program = under(fleet.program, { HTTPS_PROXY: proxy.url("alice:wrong") });
  const { stdout } = await runCommand(program, fleet.home, ["doctor", "--json"]);
  const proxyCheck = (JSON.parse(stdout).checks as Check[]).find(({ name }) => name === "proxy");
  assertEquals(proxyCheck?.verdict, "fail", stdout);
});

testWithOne("NO_PROXY goes past the proxy, and other variables' proxies are not used", async ({ start }) => {
  await using proxy = await start();
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const connect = async (variables: Record<string, string>) => {
    const agent = fleet.startAgent(["run"], under(fleet.program, variables));
    await agent.connected();
    await agent.stop();
  };
  const HTTPS_PROXY = proxy.url();
  await connect({ HTTPS_PROXY, NO_PROXY: "127.0.0.1" });
  await connect({ HTTPS_PROXY, NO_PROXY: "example.com, 127.0.0.0/8" });
  await connect({ HTTP_PROXY: proxy.url() });
  // Its log is in order: that this one stands there first shows that none of those before came through.
  await connect({ HTTPS_PROXY, NO_PROXY: "example.com" });
  await untilAsked(proxy, fleet, 1);
  // Other programs take the star for every host; the runtime does not.
  await connect({ HTTPS_PROXY, NO_PROXY: "*" });
  await untilAsked(proxy, fleet, 2);
  // It reads the names in small letters too, and one proxy for everything.
  await connect({ https_proxy: proxy.url() });
  await untilAsked(proxy, fleet, 3);
  await connect({ ALL_PROXY: proxy.url() });
  await untilAsked(proxy, fleet, 4);
});

testWithOne("the doctor asks for the proof through the proxy", async ({ start }) => {
  await using proxy = await start();
  // A name that only the proxy can look up would need the machine's settings changed; the platform proves itself
  // through the proxy all the same, and tests/agent/doctor_test.ts shows what is said without a direct way.
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const program = under(fleet.program, { HTTPS_PROXY: proxy.url() });
  const { code, stdout } = await runCommand(program, fleet.home, ["doctor", "--json"]);
  assertEquals(code, EXIT.ok, stdout);
  await untilAsked(proxy, fleet, 1);
});
