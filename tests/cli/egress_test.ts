import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import { create } from "@bufbuild/protobuf";
import { canonicalJson } from "../../src/base/json.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import { EXIT } from "../../src/base/exit_codes.ts";
import { parseUuid } from "../../src/base/ids.ts";
import { openDatabase, openReadOnly } from "../../src/base/sqlite.ts";
import { GENESIS } from "../../src/ledger/entry.ts";
import { LEDGER_TABLES } from "../../src/ledger/tables.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { agentFromSource } from "../../scripts/lib/agent_process.ts";
import { AGENT, CA, OTHER_CA, TestLedger } from "../ledger/support.ts";
import { RUN_STARTED } from "../support/records.ts";
import { Home } from "./support.ts";

const DATABASE = "state/sallyport.db";

/** A home whose agent has sent something: what is in its ledger is in the comments. */
async function homeWithLedger(): Promise<{ home: Home; t: TestLedger } & AsyncDisposable> {
  const home = await Home.make();
  await Deno.mkdir(`${home.path}/state`);
  const t = new TestLedger(openDatabase(`${home.path}/${DATABASE}`));
  t.db.exec("PRAGMA synchronous = OFF");
  const keeper = t.keeper(); // 1: checkpoint
  const send = (payloadClass: string, parts: MessageParts) => {
    const message = create(AgentToServerSchema, {
      ...parts,
      instanceUid: parseUuid(AGENT)!,
      sequenceNum: 2n ** 60n,
      capabilities: 1n,
    });
    const body = encodeFrame(AgentToServerSchema, message);
    return t.ledger.intend({ class: payloadClass, records: "a\x1b[31m record", policy: "p", body });
  };
  const batch = { stream: AGENT, through: 1, records: [{ seq: 1, record: RUN_STARTED }] };
  send("status", { health: { healthy: true, startTimeUnixNano: 0n } }); // 2
  t.beat(3, 30_000); // 3
  t.pass(86_400_000);
  send("tracking", { customMessage: jsonMessage(CUSTOM.tracking, "batch", batch) }); // 4
  t.ledger.acknowledge(4);
  keeper.stop(); // 5
  t.beat(2, 30_000); // 6, which may still grow
  return {
    home,
    t,
    async [Symbol.asyncDispose]() {
      t[Symbol.dispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

const lines = (text: string) => text.split("\n").slice(0, -1);

Deno.test("egress lists what was sent, and restricts and sums it up", async () => {
  await using ledger = await homeWithLedger();
  const { home } = ledger;
  const numbers = async (...words: string[]) => {
    const { value } = await home.json("egress", ...words);
    return value.entries.map(({ number }: { number: number }) => number);
  };
  assertEquals(await numbers(), [2, 3, 4, 6]); // no checkpoints: they were not sent
  assertEquals(await numbers("--last", "2"), [4, 6]);
  assertEquals(await numbers("--class", "tracking"), [4]);
  assertEquals(await numbers("--since", "4"), [4, 6]);
  assertEquals(await numbers("--since", "2026-01-02"), [4, 6]);
  assertEquals(await numbers("--until", "2026-01-01"), [2, 3]);
  assertEquals(await numbers("--since", "2026-01-01T00:00:40Z", "--until", "2026-01-01T00:00:50Z"), [3]);
  assertEquals(await numbers("--since", "1m"), []);

  const byDay = await home.json("egress", "--by", "day");
  assertEquals(
    byDay.value.totals.map(({ day, payloads }: { day: string; payloads: number }) => [day, payloads]),
    [
      ["2026-01-01", 4],
      ["2026-01-02", 3],
    ],
  );
  const byClass = await home.run("egress", "--by", "class", "--until", "2026-01-01");
  assertMatch(byClass.stdout, /status +2 +4 +/);

  const { stdout } = await home.run("egress");
  assertMatch(stdout, /3 {2}2026-01-01T00:01:00.000Z {2}status +3 .*heartbeats 1-3/);
  assertStringIncludes(stdout, "a\\x1b[31m record"); // and no colour of its own
  const wrong = ["--last 0", "--since yesterday", "--by hour", "--by day --last 3", "shwo 3"];
  for (const words of wrong.map((line) => line.split(" "))) {
    assertEquals((await home.run("egress", ...words)).code, EXIT.usage);
  }
});

Deno.test("egress --follow shows what leaves as it leaves, heartbeats again when one has joined", async () => {
  await using ledger = await homeWithLedger();
  const { home, t } = ledger;
  const { command, args } = await agentFromSource("127.0.0.1:9");
  const child = new Deno.Command(command, {
    args: [...args, "egress", "--follow", "--json"],
    cwd: home.path,
    stdout: "piped",
  }).spawn();
  const text: ReadableStream<string> = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const reader = text.getReader();
  const next = async () => {
    const { number, count } = JSON.parse((await reader.read()).value!);
    return [number, count];
  };
  assertEquals([await next(), await next(), await next(), await next()], [[2, null], [3, 3], [4, null], [
    6,
    2,
  ]]);
  t.beat();
  assertEquals(await next(), [6, 3]);
  t.send("x");
  assertEquals(await next(), [7, null]);
  child.kill("SIGINT");
  assertEquals((await child.status).code, EXIT.ok);
  await reader.cancel();
});

Deno.test("egress show lays an entry open, and gives its exact bytes", async () => {
  await using ledger = await homeWithLedger();
  const { home, t } = ledger;
  const { value } = await home.json("egress", "show", "4");
  assertEquals([value.number, value.whole, value.pruned], [4, true, null]);
  assertEquals(value.decoded.instanceUid, AGENT);
  assertEquals(value.decoded.customMessage.data.records[0].record, RUN_STARTED);
  assertEquals(sha256Hex(Uint8Array.fromBase64(value.body)), value.sha256);

  for (const number of [4, 3, 1]) { // a payload, heartbeats, a checkpoint
    const raw = await new Deno.Command("sh", {
      args: ["-c", `"$0" "$@" egress show ${number} --raw | sha256sum`, ...await program()],
      cwd: home.path,
    }).output();
    const { sha256 } = t.reader.oldest(1, { from: number })[0]!;
    assertEquals(new TextDecoder().decode(raw.stdout).slice(0, 64), sha256);
  }
  assertStringIncludes((await home.run("egress", "show", "3")).stdout, "3 heartbeats");
  const checkpoint = await home.json("egress", "show", "5");
  assertEquals(checkpoint.value.decoded.cause, "stop");

  t.tamper("UPDATE ledger_bodies SET body = x'00ff' WHERE number = 4");
  const changed = await home.run("egress", "show", "4");
  assertEquals(changed.code, EXIT.failed);
  assertStringIncludes(changed.stdout, "It is not what was sent");
  assertEquals((await home.json("egress", "show", "99")).value.error.code, "request.not-found");
  assertEquals((await home.run("egress", "show")).code, EXIT.usage);
});

async function program(): Promise<string[]> {
  const { command, args } = await agentFromSource("127.0.0.1:9");
  return [command, ...args];
}

Deno.test("egress show says which checkpoint had a body pruned", async () => {
  await using ledger = await homeWithLedger();
  const { home, t } = ledger;
  t.keeper({ limits: { ageMs: 1_000, bytes: 1e9 } }); // 7, with which everything is too old
  t.db.exec("DELETE FROM ledger_bodies WHERE number IN (2, 4)");
  const { code, value } = await home.json("egress", "show", "4");
  assertEquals([code, value.whole, value.pruned.checkpoint, value.decoded], [EXIT.ok, true, 7, null]);
  assertStringIncludes((await home.run("egress", "show", "4")).stdout, "pruned: see checkpoint 7");
  assertEquals((await home.run("egress", "show", "4", "--raw")).code, EXIT.failed);
  assertEquals((await home.json("egress", "verify")).value.pruned, 2);
});

Deno.test("a copy is verified in a folder of its own, with nothing but itself and a certificate", async () => {
  await using ledger = await homeWithLedger();
  await using reviewer = await Home.make();
  assertEquals((await ledger.home.run("egress", "copy", "ledger.db")).code, EXIT.ok);
  assertEquals((await Deno.stat(`${ledger.home.path}/ledger.db`)).mode! & 0o777, 0o600);
  const again = await ledger.home.json("egress", "copy", "ledger.db");
  assertEquals([again.code, again.value.error.code], [EXIT.failed, "sink.unwritable"]);
  const file = `${reviewer.path}/ledger.db`;
  await Deno.rename(`${ledger.home.path}/ledger.db`, file);
  await reviewer.write("ca.pem", CA);
  await reviewer.write("other.pem", OTHER_CA);
  const verify = (...words: string[]) => reviewer.json("egress", "verify", "ledger.db", ...words);

  const whole = await verify("--certificate", "ca.pem");
  assertEquals(
    [whole.code, whole.value.whole, whole.value.entries],
    [EXIT.ok, true, 6],
    JSON.stringify(whole),
  );
  assertEquals(whole.value.checkpoints, { count: 2, last: 5, trustedThrough: 5 });
  assertEquals(whole.value.head.number, 5);
  assertStringIncludes(
    (await reviewer.run("egress", "verify", "ledger.db")).stdout,
    "No certificate was given",
  );
  const other = await verify("--certificate", "other.pem");
  assertEquals([other.code, other.value.fault.what], [EXIT.failed, "certificate"]);
  assertEquals([...Deno.readDirSync(reviewer.path)].length, 3); // nothing was left beside it

  const { head } = whole.value;
  await reviewer.write("noted.json", JSON.stringify({ checkpoints: [{ ...head, notedAt: "then" }] }));
  for (const noted of [["--head", head.hash], ["--head", `5 ${head.hash}`], ["--checkpoint", "noted.json"]]) {
    assertEquals((await verify(...noted)).code, EXIT.ok);
  }
  const elsewhere = await verify("--head", "0".repeat(64));
  assertEquals([elsewhere.code, elsewhere.value.fault.what], [EXIT.failed, "truncated"]);

  const tables = () => {
    using db = openReadOnly(file);
    return db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all().map((
      { name },
    ) => name);
  };
  assertEquals(tables(), ["schema_versions", ...LEDGER_TABLES].sort());

  {
    using db = openDatabase(file);
    db.exec("DROP TRIGGER ledger_is_frozen; UPDATE ledger SET bytes = bytes + 1 WHERE number = 4");
  }
  const edited = await reviewer.run("egress", "verify", "ledger.db");
  assertEquals(edited.code, EXIT.failed);
  assertStringIncludes(edited.stdout, "The ledger is not whole: entry 4: a field of it was changed");
});

Deno.test("a file that is damaged, no database, without a ledger, or elsewhere is told apart", async () => {
  await using ledger = await homeWithLedger();
  const { home, t } = ledger;
  for (let n = 0; n < 100; n++) t.send("x".repeat(2_000));
  assertEquals((await home.run("egress", "copy", "damaged.db")).code, EXIT.ok);
  {
    // A page in the middle, as a disk could lose it.
    using file = await Deno.open(`${home.path}/damaged.db`, { write: true });
    await file.seek(60 * 4096, Deno.SeekMode.Start);
    await file.write(crypto.getRandomValues(new Uint8Array(4096)));
  }
  const damaged = await home.json("egress", "verify", "damaged.db");
  assertEquals([damaged.code, damaged.value.whole], [EXIT.failed, false]);
  assert(["unreadable", "body"].includes(damaged.value.fault.what), JSON.stringify(damaged.value));
  assert(damaged.value.fault.number > 6);

  await home.write("text.db", "this is no database, although it is long enough to be one".repeat(100));
  openDatabase(`${home.path}/empty.db`).exec("CREATE TABLE other (x)");
  const cases = [
    ["text.db", EXIT.failed, "source.unreadable"],
    ["empty.db", EXIT.failed, "source.unreadable"],
    ["missing.db", EXIT.invalidInput, "file.missing"],
    ["/etc/hostname", EXIT.invalidInput, "file.missing"],
  ] as const;
  for (const [file, code, error] of cases) {
    const result = await home.json("egress", "verify", file);
    assertEquals([result.code, result.value.error?.code], [code, error], JSON.stringify(result));
  }
  await home.write("none.pem", "no certificate");
  for (
    const words of [["--head", "abc"], ["--certificate", "none.pem"], ["--checkpoint", "none.pem"], [
      "a",
      "b",
    ]]
  ) {
    assertEquals((await home.run("egress", "verify", ...words)).code, EXIT.usage, words.join(" "));
  }
});

Deno.test("an export holds all that another verifier needs, and goes on where the last one ended", async () => {
  await using ledger = await homeWithLedger();
  const { home, t } = ledger;
  const exported = async (...words: string[]) =>
    lines((await home.run("egress", "export", ...words)).stdout).map((line) => JSON.parse(line));
  const all = await exported("--bodies");
  assertEquals(all.map(({ number }) => number), [1, 2, 3, 4, 5]); // 6 may still grow
  let previous = GENESIS;
  for (const { at, acknowledged, kept, body, hash, ...fields } of all) {
    if (fields.kind === "payload") delete fields.kind;
    for (const name of ["until", "count"]) if (fields[name] === null) delete fields[name];
    assertEquals([fields.previous, hash], [previous, sha256Hex(canonicalJson(fields))]);
    if (fields.kind !== "heartbeats") assertEquals(fields.sha256, sha256Hex(Uint8Array.fromBase64(body)));
    assertEquals([Date.parse(at), kept, acknowledged !== null], [fields.time, true, fields.number === 4]);
    previous = hash;
  }
  t.send("x");
  assertEquals((await exported("--since", "6")).map(({ number, count }) => [number, count]), [[6, 2], [
    7,
    null,
  ]]);
  assertEquals((await exported("--class", "tracking")).map(({ number }) => number), [4, 7]);
});

Deno.test("an export for syslog has lines of RFC 5424, whatever stands in them", async () => {
  await using ledger = await homeWithLedger();
  const { stdout } = await ledger.home.run("egress", "export", "--format", "syslog");
  const rfc5424 =
    /^<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z - sallyport - (payload|heartbeats|checkpoint) \[sallyport@32473((?: [a-z0-9]+="(?:[^"\\\]]|\\["\\\]])*")+)\] (.+)$/;
  const parsed = lines(stdout).map((line) => rfc5424.exec(line));
  assertEquals(parsed.map((match) => match?.[1]), [
    "checkpoint",
    "payload",
    "heartbeats",
    "payload",
    "checkpoint",
  ]);
  assertStringIncludes(parsed[3]![2]!, ` agent="${AGENT}" number="4" class="tracking" bytes=`);
  assertStringIncludes(parsed[2]![2]!, ' count="3"');
  assertMatch(parsed[3]![3]!, /^sent \d+ bytes of class tracking: a \[31m record$/);
  for (
    const words of [["--format", "csv"], ["--format", "syslog", "--bodies"], ["--format", "syslog", "--json"]]
  ) {
    assertEquals((await ledger.home.run("egress", "export", ...words)).code, EXIT.usage);
  }
});
