import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../../scripts/lib/agent_process.ts";
import { Fleet } from "../support/fleet.ts";
import type { Interceptor } from "../support/interceptor.ts";
import { HEADERS_OF_AN_UPGRADE, intercept } from "../support/interceptor.ts";

/** The error says who answered, in words and as facts. */
function assertNamed({ message, issuer, subject, signedByBundle }: Record<string, unknown>): void {
  assertStringIncludes(
    String(message),
    'a certificate of "CN=127.0.0.1", issued by "CN=Corporate inspection"',
  );
  assertEquals([issuer, subject, signedByBundle], ["CN=Corporate inspection", "CN=127.0.0.1", false]);
}

/** Runs an agent that cannot get past the interceptor, and gives how its first try ended. */
async function endOfFirstTry(fleet: Fleet, program = fleet.program) {
  const agent = fleet.startAgent(["run"], program);
  const line = await agent.line(({ message }) => message === "not connected");
  await agent.stop();
  return line;
}

/** The interceptor saw upgrades and a challenge, and nothing that would be of any agent's. */
async function assertNothingLeft(fleet: Fleet, interceptor: Interceptor): Promise<void> {
  assert(interceptor.relayed > 0, "the platform's proof was relayed, and still not believed");
  assertEquals(interceptor.fromAgent, []);
  for (const { path, headers } of interceptor.upgrades) {
    assertEquals(path, "/v1/opamp");
    assertEquals(headers.filter((name) => !HEADERS_OF_AN_UPGRADE.has(name)), []);
  }
  const { entries } = await fleet.json<{ entries: unknown[] }>(["egress"]);
  assertEquals(entries, [], "nothing left, so nothing is in the ledger");
}

Deno.test("an interceptor with a trusted root is named, and gets the challenge and not one byte more", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  // The runtime takes roots from this variable without any permission: exactly how such proxies are rolled out.
  const { command, args } = fleet.program;
  const line = await endOfFirstTry(fleet, {
    command: "env",
    args: [`DENO_CERT=${rootFile}`, command, ...args],
  });
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertStringIncludes(String(line.reason), "this machine trusts it");
  await assertNothingLeft(fleet, interceptor);
});

Deno.test("nor does an interceptor whose root stands in ca.pem get a byte", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  await Deno.writeTextFile(`${fleet.home}/ca.pem`, interceptor.root);
  const line = await endOfFirstTry(fleet);
  assertEquals(line.code, "platform.not-proved", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertStringIncludes(String(line.reason), "a CA of ca.pem signed it, and not the bundle's");
  await assertNothingLeft(fleet, interceptor);
});

Deno.test("an enrolment through an interceptor keeps its secret, and names who was there", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  const { interceptor, rootFile } = await intercept(fleet);
  await using _ = interceptor;
  const { command, args } = fleet.program;
  const trusting = { command: "env", args: [`DENO_CERT=${rootFile}`, command, ...args] };
  for (const [program, expected] of [[fleet.program, "not-trusted"], [trusting, "not-proved"]] as const) {
    const { code, stdout } = await runCommand(program, fleet.home, ["enroll", bundle, "--json"]);
    const { error } = JSON.parse(stdout);
    assertEquals([code, error.code], [6, `platform.${expected}`]);
    assertNamed({ message: error.message, ...error.facts });
  }
  assert(interceptor.relayed > 0);
  assertEquals(interceptor.fromAgent, []);
});

Deno.test("without its root on the machine, an interceptor is named and does not even get the challenge", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const { interceptor } = await intercept(fleet);
  await using _ = interceptor;
  // Other runtimes take every certificate under this variable; there is no such way here.
  const { command, args } = fleet.program;
  const careless = { command: "env", args: ["NODE_TLS_REJECT_UNAUTHORIZED=0", command, ...args] };
  const line = await endOfFirstTry(fleet, careless);
  assertEquals(line.code, "platform.not-trusted", JSON.stringify(line));
  assertNamed({ ...line, message: line.reason });
  assertEquals(interceptor.upgrades, []);
  const { connection } = await fleet.json<{ connection: { reason: string } }>(["status"]);
  assertStringIncludes(connection.reason, "Corporate inspection");
});
