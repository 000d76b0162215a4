import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { fromFileUrl, join } from "@std/path";
import { EXIT } from "../../src/base/exit_codes.ts";
import { BUILD } from "../../src/agent/build.ts";
import { commandHelp } from "../../src/base/command_line/help.ts";
import { PROGRAM } from "../../src/ctl/main.ts";
import { decodeBundle } from "../../src/trust/bundle.ts";
import { describe, START_ID } from "../../src/protocol/attributes.ts";
import { TestClock } from "../support/clock.ts";
import type { TestPlatform } from "../platform/support.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "../platform/support.ts";
import { sender } from "../platform/sender.ts";
import { DOCUMENTS } from "../support/records.ts";
import type { Documents } from "../../src/protocol/payloads/data.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

function command(test: TestPlatform | undefined, args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(root, "deno.json"), join(root, "src/ctl/main.ts"), ...args],
    env: test
      ? {
        SALLYPORT_PLATFORM: test.platform.url,
        SALLYPORT_TOKEN: test.token,
        SALLYPORT_CA: join(test.dataDir, "ca.pem"),
      }
      : { SALLYPORT_PLATFORM: "", SALLYPORT_TOKEN: "", SALLYPORT_CA: "" },
    stdout: "piped",
    stderr: "piped",
  });
}

async function ctl(test: TestPlatform | undefined, ...args: string[]) {
  const { code, stdout, stderr } = await command(test, args).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

Deno.test("a newcomer's way from an empty platform to a published process", async () => {
  await using test = await testPlatform();
  assertStringIncludes((await ctl(test, "agents")).out, "sallyportctl enrolment create");

  const created = await ctl(test, "enrolment", "create", "--name", "till 7", "--expires", "5");
  assertEquals(decodeBundle(created.out).platform, test.platform.authority);
  assertStringIncludes(created.err, "sallyport enroll");

  const agent = await enrolledAgent(test, "till\x1b[31m 8");
  const list = await ctl(test, "agents");
  assert(/till\\x1b\[31m 8\s+offline \(not connected yet\)/.test(list.out), list.out);

  const file = join(test.dataDir, "orders.yaml");
  await Deno.writeTextFile(file, "name: orders\ntrigger: manual\n");
  assertStringIncludes((await ctl(test, "process", "publish", file)).out, "Published orders, version 1");
  assertStringIncludes((await ctl(test, "process", "publish", file)).out, "unchanged");
  assert(/orders\s+1 .*pending \(offline\)/.test((await ctl(test, "processes")).out));
  const { processes } = JSON.parse((await ctl(test, "processes", "--json")).out);
  assertEquals(processes[0].onAgents[0].agent, agent.uid);
  assertEquals((await ctl(test, "process", "remove", "orders")).code, EXIT.ok);
  assertStringIncludes((await ctl(test, "runs")).out, "No run");
});

Deno.test("what goes wrong has its exit code and says what to do", async () => {
  await using test = await testPlatform();
  await using stranger = await testPlatform();
  const cases = [
    [ctl(undefined, "agents"), EXIT.usage, "--platform"],
    [ctl(test, "agents", "--colour"), EXIT.usage, "--colour"],
    [ctl(test, "agent"), EXIT.usage, 'no command "agent"'],
    [ctl(test, "agents", "--token", "x".repeat(40)), EXIT.refused, "not valid"],
    [ctl(test, "agents", "--ca", join(stranger.dataDir, "ca.pem")), EXIT.notAuthentic, "ca.pem"],
    [ctl(test, "agents", "--platform", "https://127.0.0.1:1"), EXIT.unreachable, "cannot be reached"],
    [ctl(test, "process", "publish", "none.yaml"), EXIT.invalidInput, "no file none.yaml"],
    [ctl(test, "run", "0198a5d0-ac96-774b-bcce-b302099a8057"), EXIT.failed, "there is no run"],
  ] as const;
  for (const [run, code, words] of cases) {
    const { code: found, err } = await run;
    assertEquals([found, err.includes(words)], [code, true], err);
  }
});

Deno.test("what agents say is wrong with them is listed with what to do, and drives no terminal", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test, "till 7");
  await using connection = opampConnection(test, agent);
  const lastError = "process.rejected: line 1\nline 2\x1b[31m";
  const rejected = { healthy: false, status: "error", lastError };
  await connection.send(toServer(agent.uid, 1, {
    agentDescription: describe({}, {}),
    health: {
      healthy: false,
      componentHealthMap: {
        "process/orders": { ...rejected, componentHealthMap: { "process.rejected": rejected } },
      },
    },
  }));
  await connection.next();
  const { out } = await ctl(test, "agents");
  assert(/till 7\s+online\s+unhealthy/.test(out), out);
  assertStringIncludes(
    out,
    "\ntill 7: process.rejected (process/orders)\n  line 1\n  line 2\\x1b[31m\n  What to do: Correct the definition",
  );
});

Deno.test("an agent is looked at, asked for a new key and approved by its id or its name", async () => {
  const clock = new TestClock(Date.now());
  await using test = await testPlatform({ clock, certificateDays: 1 });
  const [agent, twin] = [
    await enrolledAgent(test, "till\x1b 7", clock),
    await enrolledAgent(test, "twin", clock),
  ];
  await enrolledAgent(test, "twin", clock);

  const show = await ctl(test, "agents", "show", "till\x1b 7");
  assert(/till\\x1b 7\n[^]*offline \(not connected yet\)/.test(show.out), show.out + show.err);
  assertEquals(JSON.parse((await ctl(test, "agents", "show", agent.uid, "--json")).out).id, agent.uid);
  const unclear = await ctl(test, "agents", "show", "twin");
  assertEquals([unclear.code, unclear.err.includes(twin.uid)], [EXIT.usage, true], unclear.err);
  assertEquals((await ctl(test, "agents", "show", "nobody")).code, EXIT.failed);
  assertEquals((await ctl(test, "agents", "rotate-key")).code, EXIT.usage);

  const rotation = await ctl(test, "agents", "rotate-key", agent.uid);
  assertStringIncludes(rotation.out, "when it connects; it is offline now");
  const { keyRotation } = JSON.parse((await ctl(test, "agents", "show", agent.uid, "--json")).out);
  const again = JSON.parse((await ctl(test, "agents", "rotate-key", agent.uid, "--json")).out);
  assertEquals(again, { id: agent.uid, name: "till\x1b 7", ...keyRotation });
  assertStringIncludes((await ctl(test, "agents")).out, "a new key is requested");

  const early = await ctl(test, "agents", "approve-recovery", agent.uid);
  assertEquals([early.code, early.out.includes("is good until")], [EXIT.failed, true], early.out);
  await clock.advance(2 * 86_400_000);
  {
    await using connection = opampConnection(test, agent);
    await connection.ended;
  }
  assertStringIncludes((await ctl(test, "agents")).out, "waits for approval");
  const approved = await ctl(test, "agents", "approve-recovery", "till\x1b 7");
  assertEquals([approved.code, approved.out.startsWith("Approved: ")], [EXIT.ok, true], approved.out);
  assertStringIncludes((await ctl(test, "agents")).out, "is approved");
});

Deno.test("the documents of a run are shown as a table with a column for each tracked field, page by page", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  await using agentSide = await sender(test, agent);
  await agentSide.began();
  const { runId } = DOCUMENTS;
  assertStringIncludes((await ctl(test, "runs", "documents", runId)).out, "Nothing is known");
  const documents: Documents["documents"] = [
    { row: 1, result: "out", fields: { order: "A1", note: "x".repeat(60) } },
    { row: 2, result: "failed", fields: { order: "A\x1b2", city: "Ulm" }, cut: ["city"] },
  ];
  await agentSide.acked([{ seq: 1, record: { ...DOCUMENTS, documents, beyond: 3 } }]);

  const { out } = await ctl(test, "runs", "documents", runId);
  const lines = out.split("\n").map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
  assertEquals(lines.slice(0, 3), [
    ["FILE", "ROW", "RESULT", "order", "note", "city"],
    ["a.csv", "1", "out", "A1", `${"x".repeat(40)}…`, "-"],
    ["a.csv", "2", "failed", "A\\x1b2", "-", "Ulm…"],
  ]);
  assertStringIncludes(
    out,
    "2 of 2 documents, and 3 more documents of which nothing was taken; forgotten after 2999",
  );
  assertStringIncludes((await ctl(test, "runs", "documents", runId, "--limit", "1")).out, "More: --offset 1");
  const page = JSON.parse((await ctl(test, "runs", "documents", runId, "--offset", "1", "--json")).out);
  assertEquals(page.documents.map(({ row }: { row: number }) => row), [2]);
  assertStringIncludes((await ctl(test, "run", runId)).out, `sallyportctl runs documents ${runId}`);
});

Deno.test("clones stand out in the list, and each start is shown", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  for (const id of ["start A", "start B", "start A"]) {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, { agentDescription: describe({}, { [START_ID]: id }) }));
    await connection.next();
  }
  assertStringIncludes(
    (await ctl(test, "agents")).out,
    "CLONED: a copy of its home runs, too (from 127.0.0.1)",
  );
  const { out } = await ctl(test, "agents", "show", agent.uid);
  assert(/Clones, since[^]*start B +127\.0\.0\.1[^]*start A +127\.0\.0\.1/.test(out), out);
});

Deno.test("watch shows agents come and go", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test);
  const child = command(test, ["watch", "--json"]).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  // Watching begins at some moment: the agent comes again until it is seen.
  let seen = "";
  for (let sequence = 1; !seen.includes('"online"'); sequence++) {
    const next = lines.read();
    while (
      !await Promise.race([
        next.then(() => true),
        new Promise((r) => setTimeout(() => r(false), 200)),
      ])
    ) {
      await using again = opampConnection(test, agent);
      await again.send(toServer(agent.uid, 1, { agentDescription: describe({}, {}) }));
      await again.next();
    }
    seen += (await next).value ?? "";
  }
  assertStringIncludes(seen, agent.uid);
  child.kill("SIGTERM");
  await lines.cancel();
  assertEquals(await child.output().catch(() => child.status), await child.status);
});

Deno.test("with --json an error is one object on standard output, and nothing on standard error", async () => {
  await using test = await testPlatform();
  const cases = [
    [ctl(undefined, "agents", "--json"), EXIT.usage, "usage", "sallyportctl agents --help"],
    [ctl(test, "agent", "--json"), EXIT.usage, "usage", "sallyportctl --help"],
    [ctl(test, "run", "0198a5d0", "--json"), EXIT.failed, "request.", ""],
    [
      ctl(test, "agents", "--platform", "https://127.0.0.1:1", "--json"),
      EXIT.unreachable,
      "platform.unreachable",
      "Check",
    ],
  ] as const;
  for (const [run, code, errorCode, remedy] of cases) {
    const { code: found, out, err } = await run;
    assertEquals([found, err], [code, ""], out);
    const { error } = JSON.parse(out);
    assertStringIncludes(error.code, errorCode);
    assertStringIncludes(error.remedy ?? "", remedy);
  }
});

Deno.test("the version is that of the agent of the same release, and needs no platform", async () => {
  const { code, out } = await ctl(undefined, "--version");
  assertEquals([code, out.startsWith(`sallyportctl ${BUILD.version} (deno `)], [EXIT.ok, true], out);
  assertEquals(JSON.parse((await ctl(undefined, "--version", "--json")).out).version, BUILD.version);
});

Deno.test("the help needs no platform either, and names the common options", async () => {
  const { code, out } = await ctl(undefined, "--help");
  assertEquals(code, EXIT.ok);
  for (const part of [...Object.keys(PROGRAM.commands), "--token-file FILE", "--json"]) {
    assertStringIncludes(out, part);
  }
  assertStringIncludes((await ctl(undefined, "runs", "--help")).out, "--token-file FILE");
});

Deno.test("every command teaches by examples that are commands", async () => {
  for (const [name, load] of Object.entries(PROGRAM.commands)) {
    const command = await load();
    assertEquals(command.name, name);
    assert(command.examples.length > 0);
    for (const example of command.examples) assertStringIncludes(example, `sallyportctl ${command.name}`);
    const help = stripAnsiCode(commandHelp(PROGRAM, command));
    assertStringIncludes(help, `Usage: sallyportctl ${command.name}`);
  }
});
