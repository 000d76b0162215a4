import { assertEquals, assertStringIncludes } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import type { CaFile } from "../../src/trust/ca_file.ts";
import { parseCaFile } from "../../src/trust/ca_file.ts";
import { shownCertificate } from "../../src/uplink/shown_certificate.ts";
import { createWitness } from "../../src/uplink/witness.ts";
import { TestClock } from "../support/clock.ts";
import { Company } from "../support/company.ts";
import { freePort } from "../support/fleet.ts";
import { strangeServer } from "../support/tls_server.ts";

const [company, other, namesake] = [
  await Company.found("Company"),
  await Company.found("Other"),
  await Company.found("Company"),
];
const signal = new AbortController().signal;
const refused = (reason = "UnknownIssuer") => new SallyportError("platform.not-trusted", reason);

Deno.test("whose CA signed a certificate is told by the signature, not by the name", async () => {
  await using server = await strangeServer(await company.certify());
  const look = (ca: string, operatorCas: string[] = []) =>
    shownCertificate(server.authority, { ca, operatorCas }, { clock: new TestClock(), limitMs: 1_000 });
  const verdict = async (...trust: Parameters<typeof look>) => {
    const { signer, valid } = (await look(...trust))!;
    return [signer, valid];
  };
  assertEquals(await verdict(company.root), ["bundle", true]);
  assertEquals(await verdict(other.root), [undefined, false]);
  assertEquals(await verdict(namesake.root), [undefined, false]);
  assertEquals(await verdict(other.root + company.root), ["bundle", true]); // a bundle may hold several
  assertEquals(await verdict(other.root, [company.root]), ["operator", true]);
  assertEquals(await verdict("public"), [undefined, false]);
  assertEquals(await verdict("public", [namesake.root, company.root]), ["operator", true]);
  assertEquals(server.requests, [], "a look asks nothing");
});

Deno.test("a certificate that is signed well and has the wrong name or time is not good", async () => {
  const hour = 3_600_000;
  for (
    const [hosts, validity] of [
      [["elsewhere.example"], undefined],
      [["127.0.0.1"], { notBefore: Date.now() - 2 * hour, notAfter: Date.now() - hour }],
    ] as const
  ) {
    await using server = await strangeServer(await company.certify([...hosts], validity));
    const trust = { ca: company.root, operatorCas: [] };
    const shown = await shownCertificate(server.authority, trust, { clock: new TestClock(), limitMs: 1_000 });
    assertEquals([shown!.signer, shown!.valid], ["bundle", false]);
  }
});

Deno.test("one kind of failure is looked into once in ten minutes, and again when ca.pem changes", async () => {
  await using server = await strangeServer(await company.certify());
  const clock = new TestClock();
  let file: CaFile = { cas: [], problems: [] };
  const witness = createWitness({
    authority: server.authority,
    ca: other.root,
    operatorCas: () => Promise.resolve(file),
    clock,
  });
  const looks: number[] = [];
  const ask = async (error: SallyportError) => {
    const named = await witness(error, signal);
    assertStringIncludes(named.message, 'issued by "CN=Company"');
    looks.push(server.connections);
  };
  await ask(refused());
  await ask(refused());
  await clock.advance(9 * 60_000);
  await ask(refused());
  await clock.advance(2 * 60_000);
  await ask(refused());
  await ask(refused("another reason"));
  file = parseCaFile(company.root, () => true);
  await ask(refused("another reason"));
  assertEquals(looks, [1, 1, 1, 2, 3, 4]);
});

Deno.test("when nobody answers, or only silence, the error is not held up for long", async () => {
  const dead = `127.0.0.1:${await freePort()}`;
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const clock = new TestClock();
  for (const authority of [dead, `127.0.0.1:${silent.addr.port}`]) {
    const operatorCas = () => Promise.resolve({ cas: [], problems: [] });
    const asked = createWitness({ authority, ca: other.root, operatorCas, clock })(refused(), signal);
    if (authority !== dead) {
      using _ = await silent.accept(); // it takes the connection, and says nothing
      await clock.advance(3_000);
    }
    assertStringIncludes((await asked).message, "none is shown");
  }
});

Deno.test("an agent that stops does not wait for a name", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const error = refused();
  const asked = createWitness({
    authority: `127.0.0.1:${silent.addr.port}`,
    ca: other.root,
    operatorCas: () => Promise.resolve({ cas: [], problems: [] }),
    clock: new TestClock(),
  })(error, stop.signal);
  using _ = await silent.accept();
  stop.abort();
  assertEquals(await asked, error);
});
