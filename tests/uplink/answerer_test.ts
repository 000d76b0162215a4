import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import type { Scene } from "../../src/uplink/answerer.ts";
import { nameAnswerer } from "../../src/uplink/answerer.ts";
import { Company } from "../support/company.ts";

const facts = readCertificate((await (await Company.found("Inspection")).certify(["platform.example"])).cert);
const stranger = { facts, signer: undefined, valid: false, protocol: "TLSv1.3" };
const notTrusted = new SallyportError("platform.not-trusted", "not trusted: UnknownIssuer", {
  retryable: true,
});
const notProved = new SallyportError("platform.not-proved", "what answered is not the platform");

function named(error: SallyportError, scene: Partial<Scene>): SallyportError {
  return nameAnswerer(error, {
    authority: "platform.example:443",
    ca: "-----BEGIN CERTIFICATE-----",
    problems: [],
    shown: stranger,
    ...scene,
  });
}

Deno.test("a stranger is named in words and as facts, and what was known before stays", () => {
  const error = named(notTrusted, {});
  assertEquals([error.code, error.retryable], ["platform.not-trusted", true]);
  for (
    const part of [
      "UnknownIssuer. Directly at platform.example:443 stands",
      '"CN=platform.example"',
      'issued by "CN=Inspection"',
      "neither the bundle's CA nor one of ca.pem signed it",
    ]
  ) assertStringIncludes(error.message, part);
  assertEquals(error.facts, {
    subject: "CN=platform.example",
    issuer: "CN=Inspection",
    signedByBundle: false,
  });
  assertStringIncludes(error.remedy!, "ca.pem");
  assertStringIncludes(named(notProved, {}).message, "but this machine trusts it");
  assert(!named(notProved, {}).remedy!.includes("ca.pem"), "no CA helps against a missing proof");
});

Deno.test("what is good at the address was not what was refused: it came through a proxy", () => {
  const good = { ...stranger, signer: "bundle", valid: true } as const;
  for (const error of [named(notTrusted, { shown: good }), named(notProved, { shown: good })]) {
    assertStringIncludes(error.message, "as it should be");
    assertStringIncludes(error.message, "a proxy that opens TLS connections");
    assertStringIncludes(error.remedy!, "openssl s_client -proxy PROXY:PORT -connect platform.example:443");
    assertEquals(error.facts.signedByBundle, true);
  }
  // A CA of ca.pem may be the platform's or the proxy's: that it is good shows nothing when the proof is missing.
  const company = { ...good, signer: "operator" } as const;
  assertStringIncludes(named(notTrusted, { shown: company }).message, "came another way");
  assertStringIncludes(named(notProved, { shown: company }).message, "a CA of ca.pem signed it");
});

Deno.test("with the public roots, the bundle has no CA to compare with", () => {
  const error = named(notTrusted, { ca: "public" });
  assertEquals(error.facts, { subject: "CN=platform.example", issuer: "CN=Inspection" });
  assertStringIncludes(
    named(notProved, { ca: "public", shown: { ...stranger, valid: true } }).message,
    "as it should be",
  );
});

Deno.test("what cannot be seen is said, with the command that shows it; damage to ca.pem as well", () => {
  const error = named(notTrusted, { shown: undefined, problems: ["block 2 (line 31) is not base64"] });
  assertStringIncludes(error.message, "cannot be told");
  assertStringIncludes(error.message, "Of ca.pem, a part is of no use: block 2 (line 31) is not base64.");
  assertStringIncludes(error.remedy!, "openssl s_client");
  assertEquals(error.facts, {});
});

Deno.test("a name of any length is cut, and other errors are left alone", () => {
  const long = { ...stranger, facts: { ...facts, issuer: "x".repeat(100_000) } };
  assert(named(notTrusted, { shown: long }).message.length < 1_000);
  const other = new SallyportError("platform.unreachable", "nobody is there");
  assertEquals(named(other, {}), other);
});
