import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { authorityOfHeader, platformNames } from "../../src/platform/ca/names.ts";
import { loadIdentity } from "../../src/platform/ca/identity.ts";
import { serverCertificate } from "../../src/platform/ca/server_certificate.ts";
import { startPlatform } from "../../src/platform/platform.ts";
import { checkRuntime } from "../../src/platform/runtime.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { TestClock } from "../support/clock.ts";
import { testPlatform } from "./support.ts";

const DAY = 24 * 3_600_000;
const listen = { host: "127.0.0.1", port: 0 };

async function startedFolder(): Promise<string> {
  const dataDir = await Deno.makeTempDir({ prefix: "sallyport-platform-" });
  await (await startPlatform({ dataDir, listen, clock: systemClock, log: silentLog })).close();
  return dataDir;
}

Deno.test("a damaged or lost identity stops the start, and nothing is made in its place", async () => {
  for (const damage of ["", "{", '{"version":1}', undefined]) {
    const dataDir = await startedFolder();
    const path = join(dataDir, "identity.json");
    if (damage === undefined) await Deno.remove(path);
    else await Deno.writeTextFile(path, damage);
    const error = await assertRejects(
      () => startPlatform({ dataDir, listen, clock: systemClock, log: silentLog }),
      SallyportError,
      "identity",
    );
    assertEquals(error.code, "state.unreadable");
    const left = await Deno.readTextFile(path).catch(() => undefined);
    assertEquals(left, damage);
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a damaged database stops the start and stays as it is", async () => {
  const dataDir = await startedFolder();
  const path = join(dataDir, "platform.db");
  await Deno.writeTextFile(path, "this is no database, but it may be somebody's");
  const error = await assertRejects(
    () => startPlatform({ dataDir, listen, clock: systemClock, log: silentLog }),
    SallyportError,
  );
  assertEquals(error.code, "state.unreadable");
  assertEquals(await Deno.readTextFile(path), "this is no database, but it may be somebody's");
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("what the platform keeps is its owner's alone", async () => {
  const dataDir = await startedFolder();
  for (
    const [name, mode] of [["identity.json", 0o600], ["server.json", 0o600], ["platform.db", 0o600]] as const
  ) {
    assertEquals((await Deno.stat(join(dataDir, name))).mode! & 0o777, mode, name);
  }
  assertEquals(readCertificate(await Deno.readTextFile(join(dataDir, "ca.pem"))).isCa, true);
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("the server certificate is issued anew when names change, it nears its end, or it is damaged", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sallyport-platform-" });
  const clock = new TestClock();
  const { authority } = await loadIdentity(dataDir, "platform.db", clock);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const issue = async (hosts: string[]) =>
    (await serverCertificate(dataDir, authority, hosts, { clock, log })).certificate;

  const first = await issue(["a.example"]);
  assertEquals(await issue(["a.example"]), first);
  const second = await issue(["a.example", "b.example"]);
  assert(second !== first);
  await clock.advance(59 * DAY);
  assertEquals(await issue(["a.example", "b.example"]), second);
  await clock.advance(2 * DAY);
  const third = await issue(["a.example", "b.example"]);
  assert(third !== second);
  await Deno.writeTextFile(join(dataDir, "server.json"), "damaged");
  assert(await issue(["a.example", "b.example"]) !== third);
  assertEquals(warnings.length, 1);
  const kept = [...Deno.readDirSync(dataDir)].some(({ name }) => name.startsWith("server.json.unreadable-"));
  assert(kept);
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("an old runtime is refused, since it cannot see client certificates", () => {
  for (const version of ["2.9.0", "2.9.6", "2.10.0", "3.0.0"]) checkRuntime(version);
  for (const version of ["1.46.3", "2.7.11", "2.8.9"]) {
    assertThrows(() => checkRuntime(version), SallyportError, "2.9");
  }
});

Deno.test("names come from the address and the operator, and a Host header is one of them or not", () => {
  const names = platformNames("0.0.0.0", 8443, ["Platform.example.com", "edge.example.com:443"]);
  assertEquals(names.hosts, ["platform.example.com", "edge.example.com", "localhost", "127.0.0.1"]);
  assertEquals(names.authorities[0], "platform.example.com:8443");
  assert(names.authorities.includes("edge.example.com:443"));
  assertEquals(platformNames("::1", 443, []).authorities[0], "[::1]:443");
  assertThrows(() => platformNames("127.0.0.1", 1, ["https://x"]), SallyportError, "host name");
  assertEquals(authorityOfHeader("Edge.example.com"), "edge.example.com:443");
  assertEquals(authorityOfHeader("[::1]:8443"), "[::1]:8443");
  assertEquals([authorityOfHeader(undefined), authorityOfHeader("a b:c")], [undefined, undefined]);
});

Deno.test("an address that is taken is named", async () => {
  await using test = await testPlatform();
  const port = Number(test.platform.authority.split(":")[1]);
  const dataDir = await Deno.makeTempDir();
  const again = { dataDir, listen: { host: "127.0.0.1", port }, clock: systemClock, log: silentLog };
  await assertRejects(() => startPlatform(again), SallyportError, `127.0.0.1:${port}`);
  await Deno.remove(dataDir, { recursive: true });
});
