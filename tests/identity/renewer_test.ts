import { assertEquals } from "@std/assert";
import { silentLog } from "../../src/base/log.ts";
import { loadIdentity, storeIdentity } from "../../src/identity/identity.ts";
import { Renewer } from "../../src/identity/renewer.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { TestClock } from "../support/clock.ts";
import { eventually } from "../support/fleet.ts";
import { temporaryFolder } from "../support/home.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BEGIN = Date.UTC(2026, 0, 1);
const validity = { notBefore: BEGIN, notAfter: BEGIN + 30 * DAY };
const keys = await generateKeyPair();
const authority = { certificate: await createAuthority("test", keys, validity), key: keys.privateKey };
const INSTANCE = "01890a5d-ac96-774b-bcce-b302099a8057";

for (const [what, offMs] of Object.entries({ "40 days ahead": 40 * DAY, "23 hours behind": -23 * HOUR })) {
  Deno.test(`a machine whose clock is ${what} renews when the platform's time says so, and asks nobody before`, async () => {
    using folder = temporaryFolder();
    const clock = new TestClock(BEGIN + DAY + offMs);
    await storeIdentity(folder.path, {
      key: await privateKeyToPem(keys.privateKey),
      certificate: await issueAgentCertificate(authority, keys.publicKey, INSTANCE, validity),
      enrolment: {
        platform: "platform.example.com:443",
        ca: "public",
        proofKey: "",
        instanceUid: INSTANCE,
        name: "test",
        enrolledAt: new Date(BEGIN).toISOString(),
      },
    }, clock);
    const identity = await loadIdentity(folder.path);
    let asked = 0;
    const renewer = await Renewer.open({
      stateFolder: folder.path,
      identity,
      clock,
      platformNow: () => clock.now() - offMs,
      log: silentLog,
      random: () => 0,
      ask: () => void asked++,
      use() {},
      report() {},
      succeeding() {},
    });
    await clock.advance(HOUR);
    assertEquals(asked, 0);
    renewer.answered(identity.certificate);
    await clock.advance(18 * DAY);
    assertEquals([asked, await Deno.stat(`${folder.path}/renewal`).catch(() => "none")], [0, "none"]);
    await clock.advance(DAY);
    await eventually(() => asked, (times) => times > 0);
    await renewer.stop();
  });
}
