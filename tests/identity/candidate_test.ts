import { assert, assertEquals } from "@std/assert";
import {
  discardCandidate,
  keepOffer,
  loadCandidate,
  prepareCandidate,
} from "../../src/identity/candidate.ts";
import type { Identity } from "../../src/identity/identity.ts";
import {
  isEnrolled,
  loadIdentity,
  promoteCandidate,
  settleIdentity,
  storeIdentity,
} from "../../src/identity/identity.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, keyPairFromPem, privateKeyToPem } from "../../src/trust/keys.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryFolder } from "../support/home.ts";

const DAY_MS = 86_400_000;
const UID = "01890a5d-ac96-774b-bcce-b302099a8057";
const clock = new TestClock();
const validity = { notBefore: clock.now() - DAY_MS, notAfter: clock.now() + 30 * DAY_MS };
const authorityKeys = await generateKeyPair();
const authority = {
  certificate: await createAuthority("test", authorityKeys, validity),
  key: authorityKeys.privateKey,
};
const issue = (keys: CryptoKeyPair) => issueAgentCertificate(authority, keys.publicKey, UID, validity);

/** A home with an identity, and a candidate that was given its certificate. */
async function homeWithCandidate(
  state: string,
): Promise<{ old: Identity; certificate: string; key: string }> {
  const keys = await generateKeyPair();
  const enrolment = {
    platform: "platform.example.com:443",
    ca: "public",
    proofKey: "x",
    instanceUid: UID,
    name: "test",
    enrolledAt: "2026-01-01T00:00:00.000Z",
  };
  const key = await privateKeyToPem(keys.privateKey);
  await storeIdentity(state, { key, certificate: await issue(keys), enrolment }, clock);
  const candidate = await prepareCandidate(state);
  const certificate = await issue(await keyPairFromPem(candidate.key));
  await keepOffer(state, { hash: "00", certificate });
  return { old: await loadIdentity(state), certificate, key: candidate.key };
}

const entries = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

Deno.test("a promotion takes key and certificate together, and leaves nothing behind", async () => {
  using home = temporaryFolder();
  const { old, certificate, key } = await homeWithCandidate(home.path);
  await promoteCandidate(home.path, old.enrolment);
  const now = await loadIdentity(home.path);
  assertEquals([now.key, now.certificate, now.enrolment], [key, certificate, old.enrolment]);
  assertEquals(await entries(home.path), ["identity"]);
  assertEquals(await entries(`${home.path}/identity`), ["certificate.pem", "enrolment.json", "key.pem"]);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(`${home.path}/identity/key.pem`)).mode! & 0o777, 0o600);
  }
});

Deno.test("cut off after any step, a promotion leaves one whole identity and is brought to its end", async () => {
  const cuts: Record<string, (state: string) => Promise<void>> = {
    "identity.next beside identity": () => Promise.resolve(),
    "identity moved away": (state) => Deno.rename(`${state}/identity`, `${state}/identity.old`),
    "identity.old not removed": async (state) => {
      await Deno.rename(`${state}/identity`, `${state}/identity.old`);
      await Deno.rename(`${state}/identity.next`, `${state}/identity`);
      await Deno.remove(`${state}/identity/request.pem`);
      await Deno.remove(`${state}/identity/offer.json`);
    },
  };
  for (const [cut, make] of Object.entries(cuts)) {
    using home = temporaryFolder();
    const { old, certificate } = await homeWithCandidate(home.path);
    await Deno.writeTextFile(`${home.path}/renewal/certificate.pem`, certificate);
    await Deno.writeTextFile(`${home.path}/renewal/enrolment.json`, JSON.stringify(old.enrolment));
    await Deno.rename(`${home.path}/renewal`, `${home.path}/identity.next`);
    await make(home.path);
    assertEquals((await loadIdentity(home.path)).certificate, certificate, cut);
    assert(await isEnrolled(home.path), cut);
    await settleIdentity(home.path);
    assertEquals((await loadIdentity(home.path)).certificate, certificate, cut);
    assertEquals(await entries(home.path), ["identity"], cut);
  }
});

Deno.test("a candidate keeps its key and its request until it is thrown away; half of one counts as none", async () => {
  using home = temporaryFolder();
  const first = await prepareCandidate(home.path);
  assertEquals(await prepareCandidate(home.path), first);
  await Deno.remove(`${home.path}/renewal/request.pem`);
  assertEquals(await loadCandidate(home.path), undefined);
  const second = await prepareCandidate(home.path);
  assert(second.key !== first.key);
  const stranger = await issue(await generateKeyPair());
  await keepOffer(home.path, { hash: "00", certificate: stranger });
  assertEquals(await loadCandidate(home.path), undefined);
  await discardCandidate(home.path);
  assertEquals(await entries(home.path), []);
});
