import { assert, assertEquals } from "@std/assert";
import { exists } from "../../src/base/files.ts";
import { decodeBundle, encodeBundle } from "../../src/trust/bundle.ts";
import { agentFromSource } from "../../scripts/lib/agent_process.ts";
import { Fleet, freePort } from "../support/fleet.ts";

/** Enrols with a bundle that must not work; gives what a script would see. */
async function refused(
  fleet: Fleet,
  bundle: string,
): Promise<{ exit: number; code: string; message: string }> {
  const { code, stdout } = await fleet.run(["enroll", bundle, "--json"]);
  const { error } = JSON.parse(stdout);
  assertEquals(
    await exists(`${fleet.home}/state/identity`),
    false,
    "a refused enrolment must leave no identity",
  );
  return { exit: code, ...error };
}

Deno.test("an enrolment stores key and certificate for the owner alone, and a second one is refused", async () => {
  await using fleet = await Fleet.start();
  const { code, stdout } = await fleet.run([
    "enroll",
    await fleet.api.bundle(),
    "--name",
    "berlin",
    "--json",
  ]);
  assertEquals(code, 0);
  const { instanceUid, name, platform } = JSON.parse(stdout);
  assertEquals([name, platform], ["berlin", fleet.authority]);

  const folder = `${fleet.home}/state/identity`;
  for (const file of ["key.pem", "certificate.pem", "enrolment.json"]) {
    assertEquals((await Deno.stat(`${folder}/${file}`)).mode! & 0o777, 0o600, file);
  }
  assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/enrolment.json`)).instanceUid, instanceUid);
  assertEquals(await exists(`${fleet.home}/state/enrolment-key.pem`), false);
  assertEquals((await fleet.agentView()).id, instanceUid);

  const again = await fleet.run(["enroll", await fleet.api.bundle(), "--json"]);
  assertEquals([again.code, JSON.parse(again.stdout).error.code], [5, "enrolment.already"]);
});

Deno.test("the bundle is taken from a file and from standard input too", async () => {
  for (const from of ["file", "stdin"]) {
    await using fleet = await Fleet.start();
    const bundle = await fleet.api.bundle();
    await Deno.writeTextFile(`${fleet.home}/bundle.txt`, `${bundle}\n`);
    const { code } = from === "file"
      ? await fleet.run(["enroll", "--file", "bundle.txt"])
      : await fleet.run(["enroll"], bundle);
    assertEquals(code, 0, from);
  }
});

Deno.test("a bundle that was damaged, has expired or is for another platform is refused before anything is sent", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  const fields = decodeBundle(bundle);

  const damaged = await refused(fleet, bundle.slice(0, -3));
  assertEquals([damaged.exit, damaged.code], [7, "bundle.damaged"]);

  const expired = await refused(fleet, encodeBundle({ ...fields, expires: "2020-01-01T00:00:00.000Z" }));
  assertEquals([expired.exit, expired.code], [7, "bundle.expired"]);
  assert(expired.message.includes("2020-01-01"));

  const elsewhere = await refused(fleet, encodeBundle({ ...fields, platform: "platform.example.com:443" }));
  assertEquals([elsewhere.exit, elsewhere.code], [7, "bundle.wrong-platform"]);
  assert(elsewhere.message.includes("platform.example.com:443"));

  assertEquals((await fleet.run(["enroll", bundle])).code, 0, "the bundle itself was not used up");
});

Deno.test("a bundle works for one home only, and the second is told so by the platform", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  assertEquals((await fleet.run(["enroll", bundle])).code, 0);
  await Deno.rename(`${fleet.home}/state`, `${fleet.home}/state.first`);
  const second = await refused(fleet, bundle);
  assertEquals([second.exit, second.code], [5, "enrolment.refused"]);
  assert(/used/.test(second.message), second.message);
});

Deno.test("a platform with another CA, or with another key, is not believed, and gets no secret", async () => {
  await using fleet = await Fleet.start();
  await using other = await Fleet.start();
  const fields = decodeBundle(await fleet.api.bundle());
  const foreign = decodeBundle(await other.api.bundle());

  const ca = await refused(fleet, encodeBundle({ ...fields, ca: foreign.ca }));
  assertEquals([ca.exit, ca.code], [6, "platform.not-trusted"]);
  const key = await refused(fleet, encodeBundle({ ...fields, proofKey: foreign.proofKey }));
  assertEquals([key.exit, key.code], [6, "platform.not-proved"]);
  assertEquals((await fleet.run(["enroll", encodeBundle(fields)])).code, 0, "the secret was never spent");
});

Deno.test("a platform that is down is an error that a script can retry, with the key kept for the next try", async () => {
  await using fleet = await Fleet.start();
  const bundle = await fleet.api.bundle();
  await fleet.stopPlatform();
  const down = await refused(fleet, bundle);
  assertEquals([down.exit, down.code], [4, "platform.unreachable"]);
  const key = await Deno.readTextFile(`${fleet.home}/state/enrolment-key.pem`);

  await fleet.startPlatform();
  assertEquals((await fleet.run(["enroll", bundle])).code, 0);
  assertEquals(await Deno.readTextFile(`${fleet.home}/state/identity/key.pem`), key);
});

Deno.test("the agent refuses a home that belongs to somebody else", async (t) => {
  if (Deno.build.os === "windows" || Deno.uid() !== 0) {
    return void await t.step({
      name: "skipped: changing a folder's owner needs root",
      ignore: true,
      fn: () => {},
    });
  }
  const home = await Deno.makeTempDir();
  try {
    await Deno.chown(home, 12345, 12345);
    const { runCommand } = await import("../../scripts/lib/agent_process.ts");
    const program = await agentFromSource(`127.0.0.1:${await freePort()}`);
    const { code, stdout } = await runCommand(program, home, ["run", "--json"]);
    assertEquals([code, JSON.parse(stdout).error.code], [9, "home.unusable"]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
