import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PolicyKeeper } from "../../src/agent/policy/keeper.ts";
import { loadNameKey } from "../../src/agent/policy/name_key.ts";
import { loadPolicy } from "../../src/agent/policy/policy_file.ts";
import { readPolicyFacts, recordPolicy } from "../../src/agent/policy/policy_record.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase, temporaryFolder } from "../support/home.ts";

const NOW = Date.UTC(2026, 0, 1);

/** A folder with a place for a policy in it. */
function place() {
  const folder = temporaryFolder();
  const at = { file: `${folder.path}/policy.yaml`, stateFolder: `${folder.path}/state` };
  return {
    at,
    write: (text: string | Uint8Array) =>
      Deno.writeFileSync(at.file, typeof text === "string" ? new TextEncoder().encode(text) : text),
    load: () => loadPolicy(NOW, at),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test("policy file: none means the default, and a good one is in force", async () => {
  using home = place();
  const none = await home.load();
  assertEquals([none.policy, none.source, none.fault], [DEFAULT_POLICY, "default", undefined]);
  home.write("tracking: deny\n");
  const { policy, source, fault, warnings } = await home.load();
  assertEquals([policy.options.tracking.send, policy.halted, source, fault], [
    "deny",
    undefined,
    home.at.file,
    undefined,
  ]);
  assert(warnings.length > 0);
});

Deno.test("policy file: one that cannot be used halts everything, with its line and nothing of its content", async () => {
  using home = place();
  const texts: [string | Uint8Array, string, string][] = [
    ["tracking: deny\nlogs: confidential\n", "is broken at line 2, column 1", 'is "confidential"'],
    ["", "is broken at line 1", "needs fields"],
    [new Uint8Array([0xff, 0xfe, 0x00]), "is not text in UTF-8", "UTF-8"],
  ];
  for (const [text, told, here] of texts) {
    home.write(text);
    const { policy, fault } = await home.load();
    assertStringIncludes(policy.halted!, told);
    assert(!policy.halted!.includes("confidential"));
    assertStringIncludes(fault!.message, here);
  }
  await Deno.remove(home.at.file);
  await Deno.mkdir(home.at.file);
  assertStringIncludes((await home.load()).policy.halted!, "cannot be read");
});

Deno.test("policy file: own rules and hashed names work once loaded", async () => {
  using home = place();
  home.write("tracking: { names: hashed }\nredaction: [{ name: invoice, pattern: 'F-\\d+' }]\n");
  const { policy } = await home.load();
  assertEquals(policy.redact("F-17 a@b.de"), "[redacted: invoice] [redacted: e-mail address]");
  const hashed = policy.shapePlace({ name: "a.csv", directory: "data/in" }, "run");
  assert(hashed.name.startsWith("hashed-") && hashed.directory === "data/in");
  assertEquals(
    (await home.load()).policy.shapePlace({ name: "a.csv", directory: "" }, "other").name,
    hashed.name,
  );
});

Deno.test("the key for names is made once, also by two at the same moment, and only its owner can read it", async () => {
  using folder = temporaryFolder();
  const state = `${folder.path}/state`;
  const keys = await Promise.all(Array.from({ length: 5 }, () => loadNameKey(state)));
  assertEquals(new Set(keys.map((key) => key.toHex())).size, 1);
  assertEquals([...Deno.readDirSync(state)].map(({ name }) => name), ["name-key"]);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(`${state}/name-key`)).mode! & 0o777, 0o600);
  }
});

Deno.test("a damaged key for names is left as it is, and the policy that needs it halts", async () => {
  using home = place();
  await Deno.mkdir(home.at.stateFolder);
  const key = `${home.at.stateFolder}/name-key`;
  await Deno.writeTextFile(key, "torn");
  const error = await assertRejects(() => loadNameKey(home.at.stateFolder), SallyportError);
  assertEquals((error as SallyportError).code, "state.unreadable");
  home.write("tracking: { names: hashed }\n");
  const { policy, fault } = await home.load();
  assertStringIncludes(policy.halted!, "the key for that cannot be used");
  assertStringIncludes(fault!.message, "Restore it from a backup");
  assertEquals(await Deno.readTextFile(key), "torn");
});

/** A keeper on a clock that stands still until it is moved. */
async function keeping(home: ReturnType<typeof place>) {
  const clock = new TestClock();
  const seen: string[] = [];
  const keeper = await PolicyKeeper.open(
    { clock, log: silentLog },
    ({ policy }) => seen.push(policy.halted ?? policy.options.tracking.send),
    home.at,
  );
  const read = async () => {
    for (let i = 0; keeper.isReading && i < 500; i++) await clock.advance(100);
  };
  return { clock, keeper, seen, read };
}

Deno.test("a change counts from the next payload on: until it is read, nothing leaves under the old policy", async () => {
  using home = place();
  const { keeper, seen, read } = await keeping(home);
  assertEquals(keeper.current, DEFAULT_POLICY);
  home.write("tracking: deny\n");
  assertStringIncludes(keeper.current.halted!, "is being read");
  await read();
  assertEquals([keeper.current.options.tracking.send, keeper.current.halted], ["deny", undefined]);

  // As editors save: a new file in the place of the old one.
  await Deno.writeTextFile(`${home.at.file}~`, "tracking: allow\n");
  await Deno.rename(`${home.at.file}~`, home.at.file);
  await read();
  home.write("tracking: [\n");
  await read();
  assertStringIncludes(keeper.current.halted!, "is broken at line");
  await Deno.remove(home.at.file);
  await read();
  assertEquals(keeper.current, DEFAULT_POLICY);
  assertEquals(seen.map((each) => each.includes("broken") ? "broken" : each), [
    "deny",
    "allow",
    "broken",
    "allow",
  ]);
});

Deno.test("a file that is still being written is not taken for the whole of it", async () => {
  using home = place();
  const { clock, keeper, seen, read } = await keeping(home);
  home.write("tracking: allow\n");
  assert(keeper.isReading);
  await clock.advance(60);
  home.write("tracking: allow\nlogs: deny\n");
  await clock.advance(60);
  assertEquals([seen, keeper.isReading], [[], true]);
  await read();
  assertEquals([seen.length, keeper.current.options.logs.send], [1, "deny"]);
});

Deno.test("a change is noticed without a payload too, and the keeper stops when it is told to", async () => {
  using home = place();
  const { clock, keeper, seen } = await keeping(home);
  const stop = new AbortController();
  const watching = keeper.watch(stop.signal);
  home.write("tracking: deny\n");
  for (let i = 0; seen.length === 0 && i < 500; i++) await clock.advance(500);
  assertEquals(seen, ["deny"]);
  stop.abort();
  await watching;
});

Deno.test("which policy is in force is noted with its time, which a restart does not change", async () => {
  using home = place();
  using state = temporaryDatabase();
  const clock = new TestClock();
  assertEquals(readPolicyFacts(state.db), undefined);
  const first = recordPolicy(state.db, await home.load(), clock);
  await clock.advance(5_000);
  assertEquals(recordPolicy(state.db, await home.load(), clock), first);
  home.write("logs: confidential\n");
  const broken = recordPolicy(state.db, await home.load(), clock);
  assertEquals([broken.since - first.since, { ...readPolicyFacts(state.db)! }], [5_000, broken]);
  assertStringIncludes(broken.fault, ":1:1: logs");
});
