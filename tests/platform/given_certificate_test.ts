import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { TLSSocket } from "node:tls";
import { connect } from "node:tls";
import { systemClock } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { coverageOf } from "../../src/platform/ca/coverage.ts";
import { Freshness } from "../../src/platform/ca/freshness.ts";
import { readGivenCertificate } from "../../src/platform/ca/given_certificate.ts";
import { readTlsCa } from "../../src/platform/ca/tls_ca.ts";
import { startPlatform } from "../../src/platform/platform.ts";
import { decodeBundle } from "../../src/trust/bundle.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { fromPem, generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { TestClock } from "../support/clock.ts";
import type { TestCertificate } from "../support/company.ts";
import { aroundNow, Company } from "../support/company.ts";
import { temporaryFolder } from "../support/home.ts";
import { testPlatform } from "./support.ts";

const DAY = 24 * 3_600_000;
const company = await Company.found("Company");

/** Writes chain and key into a folder, and gives their paths. */
function write(folder: string, { cert, key }: TestCertificate): { certificate: string; key: string } {
  const files = { certificate: `${folder}/chain.pem`, key: `${folder}/key.pem` };
  Deno.writeTextFileSync(files.certificate, cert);
  Deno.writeTextFileSync(files.key, key);
  return files;
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(work, SallyportError);
  assertEquals(error.code, "usage");
  return `${error.message} ${error.remedy}`;
}

Deno.test("a certificate and key that do not fit are refused with the reason and what to do", async () => {
  using folder = temporaryFolder();
  const good = await company.certify(["platform.example"]);
  const branch = await company.certifyByBranch(["platform.example"]);
  const [leaf, issuing] = [branch.cert.slice(0, branch.cert.indexOf("-----END") + 26), company.root];
  const soon = { notBefore: systemClock.now() + DAY, notAfter: systemClock.now() + 2 * DAY };
  const past = { notBefore: systemClock.now() - 2 * DAY, notAfter: systemClock.now() - DAY };
  const keys = await generateKeyPair();
  const selfMade = await createAuthority("Self", keys, aroundNow());
  const forClients = await issueAgentCertificate(
    { certificate: selfMade, key: keys.privateKey },
    keys.publicKey,
    "01890a5d-ac96-774b-bcce-b302099a8057",
    aroundNow(),
  );
  const ownKey = await privateKeyToPem(keys.privateKey);
  const encrypted = good.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
  const cases: [TestCertificate, string[]][] = [
    [{ ...good, cert: "" }, ["holds no certificate in PEM"]],
    [{ ...good, cert: good.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA") }, ["is no certificate"]],
    [{ ...good, key: "hello" }, ["key.pem holds no private key in PEM"]],
    [{ ...good, key: encrypted }, ["encrypted with a passphrase", "openssl pkey"]],
    [{ ...good, key: branch.key }, ['not that of "CN=platform.example"']],
    [{ ...branch, cert: leaf + issuing }, ['"CN=Company" stands behind "CN=platform.example"', "must hold"]],
    [{ cert: selfMade, key: ownKey }, ['"CN=Self", which is a CA']],
    [{ cert: forClients, key: ownKey }, ["lacks serverAuth"]],
    [await company.certify(["platform.example"], soon), ["is good only from", "clock"]],
    [await company.certify(["platform.example"], past), ["expired at", "clock"]],
    [await company.certify(["other.example"]), ["not good for platform.example", "good for other.example"]],
  ];
  const needs = {
    hostnames: ["platform.example"],
    hosts: ["platform.example", "localhost"],
    now: systemClock.now(),
  };
  for (const [certificate, parts] of cases) {
    const files = write(folder.path, certificate);
    const said = await refusal(() => readGivenCertificate(files, needs));
    for (const part of parts) assertStringIncludes(said, part);
  }
  const files = write(folder.path, good);
  assertStringIncludes(
    await refusal(() => readGivenCertificate(files, { ...needs, hostnames: [], hosts: ["localhost"] })),
    "good for none of the platform's names, localhost; it is good for platform.example",
  );
  const missing = { ...files, key: `${folder.path}/nothing` };
  const error = await assertRejects(() => readGivenCertificate(missing, needs), SallyportError, "--tls-key");
  assertEquals(error.code, "file.missing");
  assertEquals(await readGivenCertificate(files, needs), { certificate: good.cert, key: good.key });
  assertEquals((await readGivenCertificate(write(folder.path, branch), needs)).certificate, branch.cert);
});

Deno.test("names are covered as TLS clients judge", async () => {
  const { cert } = await company.certify(["*.Example.com", "exact.example.org", "10.0.0.1", "::1"]);
  const { covers } = coverageOf(fromPem("CERTIFICATE", cert));
  for (
    const host of [
      "a.example.com",
      "A.EXAMPLE.com",
      "exact.example.org",
      "10.0.0.1",
      "::1",
      "0:0:0:0:0:0:0:1",
    ]
  ) {
    assertEquals([host, covers(host)], [host, true]);
  }
  for (const host of ["example.com", "a.b.example.com", "b.exact.example.org", "10.0.0.2", "::2"]) {
    assertEquals([host, covers(host)], [host, false]);
  }
});

Deno.test("what bundles tell agents to trust is checked against the certificate at the start", async () => {
  using folder = temporaryFolder();
  const other = await Company.found("Other");
  const files = write(folder.path, await company.certify());
  const ca = `${folder.path}/root.pem`;
  const start = (tls: { ca?: string }) =>
    startPlatform({
      dataDir: `${folder.path}/data`,
      listen: { host: "127.0.0.1", port: 0 },
      tls: { files, ...tls },
      clock: systemClock,
      log: silentLog,
    });
  for (
    const [tls, root] of [[{}, "Sallyport CA"], [{ ca }, '"CN=Other"'], [
      { ca: "public" },
      "no public root",
    ]] as const
  ) {
    await Deno.writeTextFile(ca, other.root);
    const said = await refusal(() => start(tls));
    assertStringIncludes(said, 'issued by "CN=Company"');
    assertStringIncludes(said, root);
    assertStringIncludes(said, "--tls-ca");
  }
  await Deno.writeTextFile(ca, other.root.slice(0, 200));
  assertStringIncludes(await refusal(() => readTlsCa(ca)), "block 1 (line 1) lacks its last line");
  await Deno.writeTextFile(ca, company.root.repeat(20));
  assertStringIncludes(await refusal(() => readTlsCa(ca)), "in 20 certificates, and a bundle takes 8000");
  await assertRejects(() => readTlsCa(`${folder.path}/nothing`), SallyportError, "there is no file");
});

/** A connection that trusts the company. */
function connection(authority: string): Promise<TLSSocket> {
  const port = Number(authority.split(":")[1]);
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, ca: [company.root], servername: "localhost" };
    const socket = connect(options, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** The subject of what the server shows to a new connection. */
async function shownBy(authority: string): Promise<string> {
  const socket = await connection(authority);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** Asks something on a connection that stands, and gives the line of the answer. */
function askOn(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("data", (data) => resolve(data.toString().split("\r\n")[0]!));
    socket.write("GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  });
}

Deno.test("the platform shows the operator's certificate, and the next one when it is asked to look", async () => {
  using folder = temporaryFolder();
  const files = write(folder.path, await company.certifyByBranch(["localhost", "first.example"]));
  const ca = `${folder.path}/root.pem`;
  await Deno.writeTextFile(ca, company.root);
  const said: string[] = [];
  const log = {
    ...silentLog,
    info: (text: string) => void said.push(text),
    error: (text: string) => void said.push(text),
  };
  await using test = await testPlatform({ tls: { files, ca }, log });
  assertEquals(test.platform.authority.split(":")[0], "localhost", "127.0.0.1 is not in the certificate");
  assertEquals(await Deno.readTextFile(`${test.dataDir}/ca.pem`), company.root);
  assertEquals(await shownBy(test.platform.authority), "localhost");

  const { body } = await test.api("POST", "/enrolments", {});
  assertEquals(decodeBundle((body as { bundle: string }).bundle).ca, company.root);
  const refused = await test.api("POST", "/enrolments", {
    platform: test.platform.authority.replace("localhost", "127.0.0.1"),
  });
  assertEquals(refused.status, 400, "nobody could connect with such a bundle");

  const standing = await connection(test.platform.authority);
  write(folder.path, await company.certify(["second.example", "localhost"]));
  await test.platform.reload();
  assertEquals(await shownBy(test.platform.authority), "second.example");
  assertEquals(await askOn(standing), "HTTP/1.1 200 OK");
  standing.destroy();
  await Deno.writeTextFile(files.key, "half of a ke");
  await test.platform.reload();
  assertEquals(await shownBy(test.platform.authority), "second.example");
  assertEquals(said.slice(-2), [
    "the server shows another certificate now",
    "the server certificate cannot be replaced; the one in use stays",
  ]);
});

Deno.test("a certificate is looked at again and again, trouble is told once, and a near end once a day", async () => {
  const clock = new TestClock();
  const issue = async (days: number) => {
    const validity = { notBefore: clock.now() - DAY, notAfter: clock.now() + days * DAY };
    const { cert, key } = await company.certify(["localhost"], validity);
    return { certificate: cert, key };
  };
  const [first, second] = [await issue(15.5), await issue(90)];
  let next = () => Promise.resolve(first);
  const shown: string[] = [];
  const said: string[] = [];
  const note = (text: string) => void said.push(text);
  const freshness = new Freshness({
    first,
    load: () => next(),
    show: ({ certificate }) => void shown.push(certificate),
    everyMs: DAY / 4,
    clock,
    log: { ...silentLog, info: note, warn: note, error: note },
  });
  await clock.advance(DAY);
  assertEquals([shown, said], [[], []]);
  await clock.advance(3 * DAY);
  assertEquals(
    said.map((text) => text.slice(0, 38)),
    Array(3).fill("the server certificate needs to be rep"),
  );
  next = () => Promise.reject(new SallyportError("usage", "the key does not fit"));
  await clock.advance(DAY / 2); // two looks, and still the same day
  assertEquals(said.slice(3), ["the server certificate cannot be replaced; the one in use stays"]);
  next = () => Promise.resolve(second);
  await clock.advance(DAY);
  assertEquals(shown, [second.certificate]);
  freshness.stop();
  next = () => Promise.reject(new Error("looked at after the stop"));
  await clock.advance(DAY);
  assertEquals(said.at(-1), "the server shows another certificate now");
});
