import { assert, assertEquals, assertMatch } from "@std/assert";
import { copyLedger } from "../../src/ledger/copy.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import { ROOT } from "../../scripts/lib/permissions.ts";
import { temporaryFolder } from "../support/home.ts";
import { CA, SIGNERS, TestLedger } from "./support.ts";

const TOOLS = ["sqlite3", "openssl", "sha256sum"];
const missing = TOOLS.filter((tool) => {
  try {
    new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return false;
  } catch {
    return true;
  }
});
if (missing.length > 0) {
  console.log(`The ledger is not verified by hand: there is no ${missing.join(", ")} here.`);
}

/** The shell script of docs/ledger.md, run on a copy of a ledger in a folder of its own. */
async function byHand(t: TestLedger, tamper = ""): Promise<string> {
  using folder = temporaryFolder();
  const copy = openDatabase(`${folder.path}/ledger.db`);
  copyLedger(t.db, t.reader, copy);
  copy.exec(`PRAGMA foreign_keys = OFF; DROP TRIGGER ledger_is_frozen; DROP TRIGGER ledger_stays; ${tamper}`);
  copy.close();
  await Deno.writeTextFile(`${folder.path}/ca.pem`, CA);
  const page = await Deno.readTextFile(`${ROOT}/docs/ledger.md`);
  const script = page.match(/```sh\n([\s\S]+?)```/)![1]!;
  const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script], cwd: folder.path })
    .output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test({
  name: "the ledger can be verified by hand, as docs/ledger.md says",
  ignore: missing.length > 0,
  async fn() {
    using t = new TestLedger();
    const keeper = t.keeper();
    t.send('with "quotes", a \\ and an é');
    t.beat(3, 30_000);
    t.ledger.intend({ class: "status", records: 'a "record" \\ é', policy: "p", body: new Uint8Array([0]) });
    t.beat();
    keeper.introduce(SIGNERS[1].certificate);
    t.signer = SIGNERS[1];
    t.send("x");
    keeper.stop();
    assertEquals(t.verify({ certificates: [CA] }).fault, undefined);

    const whole = await byHand(t);
    assertMatch(whole, /^Verified OK\nsubject=.*\n.*Fingerprint=.*\nsigner.pem: OK\n$/);

    const changes = [
      ["UPDATE ledger SET time = time + 1 WHERE number = 2", /changed: .*"number":2,/],
      ["UPDATE ledger SET until = until + 1 WHERE number = 3", /changed: .*"number":3,/],
      ["UPDATE ledger SET kind = 'payload' WHERE number = 1", /changed: .*"number":1,/],
      ["DELETE FROM ledger WHERE number = 4", /does not follow: 5/],
      ["UPDATE ledger_bodies SET body = x'00' WHERE number = 2", /bodies\/2: FAILED/],
      [
        "UPDATE ledger_signatures SET signature = (SELECT signature FROM ledger_signatures WHERE number = 1)",
        /Verification failure/i,
      ],
    ] as const;
    for (const [sql, complaint] of changes) assertMatch(await byHand(t, sql), complaint);
    assert(!/signer.pem: OK/.test(await byHand(t, "DELETE FROM ledger_certificates")));
  },
});
