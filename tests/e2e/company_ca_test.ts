import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Check } from "../../src/agent/doctor/check.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import type { TestCertificate } from "../support/company.ts";
import { Company } from "../support/company.ts";
import { Fleet } from "../support/fleet.ts";

const [company, other] = [await Company.found("ACME Root"), await Company.found("Other Root")];

/** Restarts the platform with a certificate of the company's; new bundles name its root, behind another. */
async function moveToCompany(fleet: Fleet, { cert, key }: TestCertificate): Promise<void> {
  const path = (name: string) => `${fleet.home}/../${name}`;
  await Deno.writeTextFile(path("chain.pem"), cert);
  await Deno.writeTextFile(path("key.pem"), key);
  await Deno.writeTextFile(path("acme.pem"), other.root + company.root);
  await fleet.stopPlatform();
  const files = { certificate: path("chain.pem"), key: path("key.pem") };
  await fleet.startPlatform({ tls: { files, ca: path("acme.pem") } });
}

Deno.test("an agent goes on by ca.pem when the platform gets a certificate of another CA, without a restart", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  await moveToCompany(fleet, await company.certifyByBranch());

  const refused = await agent.line(({ code }) => code === "platform.not-trusted");
  assertStringIncludes(String(refused.reason), "neither the bundle's CA nor one of ca.pem signed it");
  assertStringIncludes(String(refused.remedy), "ca.pem");
  assertEquals(refused.issuer, "CN=Branch");

  // The operator may link to where the machine keeps its CAs.
  const from = agent.lines.length;
  await Deno.symlink("../acme.pem", `${fleet.home}/ca.pem`);
  await agent.connected(from);
  assertEquals(await agent.stop(), EXIT.ok);
  const { checks } = await fleet.json<{ checks: Check[] }>(["doctor"]);
  const of = (name: string) => checks.find((check) => check.name === name)!;
  assertEquals([of("tls").verdict, of("proof").verdict], ["ok", "ok"]);
  assertStringIncludes(of("ca").reason, "2 of ca.pem, all good until");
  assertStringIncludes(of("ca").reason, '"CN=ACME Root"');
});

Deno.test("an agent enrols by a bundle that names the company's CA, and needs no ca.pem", async () => {
  await using fleet = await Fleet.start();
  await moveToCompany(fleet, await company.certifyByBranch());
  await fleet.enrol();
  const agent = fleet.startAgent();
  await agent.connected();
  await agent.stop();
});

Deno.test("an older bundle enrols once ca.pem names the CA, and what is wrong in ca.pem stands in the error", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  await moveToCompany(fleet, await company.certify());
  await Deno.writeTextFile(`${fleet.home}/ca.pem`, company.root.slice(0, 300));
  const { code, stdout } = await fleet.run(["enroll", bundle, "--json"]);
  const { error } = JSON.parse(stdout);
  assertEquals([code, error.code], [EXIT.notAuthentic, "platform.not-trusted"]);
  assertStringIncludes(error.message, "Of ca.pem, a part is of no use: block 1 (line 1) lacks its last line");
  assertEquals(error.facts, { subject: "CN=127.0.0.1", issuer: "CN=ACME Root", signedByBundle: false });

  await Deno.writeTextFile(`${fleet.home}/ca.pem`, company.root);
  assertEquals((await fleet.run(["enroll", bundle])).code, EXIT.ok);
});
