import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Log } from "../../src/base/log.ts";
import { keepOffer, prepareCandidate } from "../../src/identity/candidate.ts";
import { loadIdentity } from "../../src/identity/identity.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import type { Verification } from "../../src/ledger/verify.ts";
import { generateKeyPair, keyPairFromPem } from "../../src/trust/keys.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { clockAhead } from "../support/clock.ts";
import type { Summary } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";

/** A day after the time at which every certificate of 30 days is due. */
const DUE_AFTER_MS = 22 * 24 * 3_600_000;

async function enrolledFleet(): Promise<Fleet> {
  const fleet = await Fleet.start();
  await fleet.enrol();
  return fleet;
}

const identityFile = (fleet: Fleet, name: string) =>
  Deno.readTextFile(`${fleet.home}/state/identity/${name}`);
const fingerprint = async (fleet: Fleet) =>
  readCertificate(await identityFile(fleet, "certificate.pem").catch(() => "")).fingerprint;
/** The same while a renewed identity takes its place. */
const settled = async (fleet: Fleet) => await fingerprint(fleet).catch(() => "");
const summary = (fleet: Fleet) => fleet.api.get<Summary>("/summary");

/** A log of the platform that remembers what it was told. */
function rememberingLog(): { log: Log; told: string[] } {
  const told: string[] = [];
  const note = (message: string, facts: unknown = {}) =>
    void told.push(`${message} ${JSON.stringify(facts)}`);
  const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log } as unknown as Log;
  return { log, told };
}

Deno.test("the certificate is renewed again and again, and no record is lost on the way", async () => {
  await using fleet = await enrolledFleet();
  await fleet.api.publish("copy", COPY_PROCESS.replace("watch: true", "watch: { settle: 50ms }"));
  const [first, key] = [await fingerprint(fleet), await identityFile(fleet, "key.pem")];
  await Deno.copyFile(`${fleet.home}/state/identity/certificate.pem`, `${fleet.home}/first.pem`);
  const agent = fleet.startAgent();
  await agent.connected();
  const renewals = () =>
    agent.lines.filter(({ message }) => message === "the certificate was renewed").length;
  let files = 0;
  for (const times of [1, 2]) {
    await fleet.stopPlatform();
    await fleet.startPlatform({ clock: clockAhead(times * DUE_AFTER_MS) });
    do {
      await fleet.drop(`data/in/f${files}.csv`, `id,amount\n${files++},1\n`);
      await eventually(() => fleet.runViews(), (runs) => runs.length >= Math.min(files, 500));
    } while (renewals() < times);
  }
  await eventually(() => summary(fleet), ({ documents }) => documents.out === files);
  assertEquals((await fleet.runViews()).filter(({ outcome }) => outcome !== "succeeded"), []);

  assertNotEquals(await settled(fleet), first);
  assertNotEquals(await identityFile(fleet, "key.pem"), key);
  const { agent: told } = await fleet.json<{ agent: { certificateExpires: string } }>(["status"]);
  assert(Date.parse(told.certificateExpires) > Date.now());
  assertEquals((await fleet.json<{ whole: boolean }>(["egress", "verify"])).whole, true);
  assertEquals(await agent.stop(), 0);

  // Each key has vouched for the next, so who trusts the very first trusts the ledger to its end.
  const words = ["egress", "verify", "--certificate", "first.pem"];
  const { whole, entries, checkpoints, keys } = await fleet.json<Verification & { whole: boolean }>(words);
  assertEquals([whole, checkpoints.trustedThrough], [true, entries]);
  assert(keys.length >= 3 && keys.slice(1).every(({ introducedBy }) => introducedBy !== null));
});

Deno.test("a home that was restored to a certificate before the last is refused, and told why", async () => {
  await using fleet = await enrolledFleet();
  const files = ["key.pem", "certificate.pem"];
  const old = await Promise.all(files.map((name) => identityFile(fleet, name)));
  await prepareCandidate(`${fleet.home}/state`); // due at once
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "the certificate was renewed");
  await agent.stop();
  for (const [i, name] of files.entries()) {
    await Deno.writeTextFile(`${fleet.home}/state/identity/${name}`, old[i]!);
  }
  const { code, reason } = await fleet.startAgent().line(({ message }) => message === "not connected");
  assertEquals(code, "platform.refused");
  assertMatch(String(reason), /retired/);
});

Deno.test("an answer that is lost costs nothing: the same request gets the same certificate", async () => {
  await using fleet = await enrolledFleet();
  await fleet.stopPlatform();
  // The session breaks after the certificate was stored and before it was sent.
  const { log, told } = rememberingLog();
  let lost = 0;
  await fleet.startPlatform({
    log: {
      ...log,
      child: () => log,
      info(message: string) {
        told.push(message);
        if (message.startsWith("issued") && ++lost === 1) throw new Error("the line was cut");
      },
    } as Log,
  });
  await prepareCandidate(`${fleet.home}/state`);
  const request = await Deno.readTextFile(`${fleet.home}/state/renewal/request.pem`);
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "the certificate was renewed");
  assertEquals(told.filter((message) => message.startsWith("issued")).length, 1);
  assert(agent.lines.some(({ message }) => message === "not connected"), agent.tail());
  assert(request.includes("CERTIFICATE REQUEST"));
});

Deno.test("killed at any moment of a renewal, the agent comes back with a certificate that works", async () => {
  await using fleet = await enrolledFleet();
  const moments = new Set<string>();
  for (let kill = 0; kill < 30; kill++) {
    if (await Deno.stat(`${fleet.home}/state/identity.next`).catch(() => undefined) === undefined) {
      await prepareCandidate(`${fleet.home}/state`); // due at once
    }
    const agent = fleet.startAgent();
    await agent.connected();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    await agent.stop("SIGKILL");
    const names = await Array.fromAsync(Deno.readDir(`${fleet.home}/state`), ({ name }) => name);
    const offered = await Deno.stat(`${fleet.home}/state/renewal/offer.json`).catch(() => undefined);
    const parts = names.filter((name) => /^(identity|renewal)/.test(name)).sort();
    moments.add([...parts, ...(offered ? ["offer"] : [])].join(" "));
  }
  await prepareCandidate(`${fleet.home}/state`);
  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "the certificate was renewed");
  assertEquals((await fleet.agentView()).state, "online");
  assert(moments.size >= 2, `killed only at: ${[...moments].join("; ")}`);
});

Deno.test("a certificate that the platform refuses is given up: the old one goes on, and the platform is told", async () => {
  await using fleet = await enrolledFleet();
  await fleet.stopPlatform();
  const { log, told } = rememberingLog();
  await fleet.startPlatform({ log });
  const state = `${fleet.home}/state`;
  const { enrolment, certificate } = await loadIdentity(state);
  const { key } = await prepareCandidate(state);
  const stranger = { certificate: "", key: (await generateKeyPair()).privateKey };
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  stranger.certificate = await createAuthority("somebody else", await generateKeyPair(), validity);
  const { publicKey } = await keyPairFromPem(key);
  const forged = await issueAgentCertificate(stranger, publicKey, enrolment.instanceUid, validity);
  await keepOffer(state, { hash: "ab".repeat(32), certificate: forged });

  const agent = fleet.startAgent();
  await agent.line(({ message }) => message === "went back to the old certificate");
  const view = await eventually(() => fleet.agentView(), ({ health }) => health?.healthy === false);
  assertEquals(view.state, "online");
  const { status, lastError } = view.health!.components.certificate!;
  assertEquals(status, "renewal failed");
  assertMatch(lastError, /^certificate.renewal-failed: .*does not know the client certificate/);
  assert(
    told.some((line) => /did not take the connection settings.*does not know/.test(line)),
    told.join("\n"),
  );
  assertEquals((await loadIdentity(state)).certificate, certificate);
  // And later it tries again, with a key and a request of their own.
  assertEquals(await Deno.stat(`${state}/renewal`).catch(() => "gone"), "gone");
});
