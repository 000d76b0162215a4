import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../src/base/encoding.ts";
import { MAX_ENDED_REQUESTS, MAX_REFUSALS_A_MINUTE } from "../../src/base/limits.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";
import { compileAgent, whyNoExecutable } from "../support/executable.ts";
import { temporaryFolder } from "../support/home.ts";
import type { Attack } from "./attacks.ts";
import { ATTACKS, ENDINGS, LARGEST } from "./attacks.ts";
import { HostilePlatform } from "./platform.ts";

const noExecutable = await whyNoExecutable();
if (noExecutable) console.log(`the memory of an attacked executable is not measured: ${noExecutable}`);

/** Stands in every document and nowhere else: none of it may ever be seen outside. */
const CANARY = "canary-4cd2b0";
const POLICY = "logs: { send: deny }\nerrors: { send: deny }\nschema: { send: deny }\n";
const SPY_PROCESS = `process: spy
trigger: { every: 100ms }
source: { disk: { path: done, format: csv } }
sink: { disk: { path: out, format: ndjson } }
track: { until: 2999-12-31, documents: 10000, fields: { id: id, all: { jsonata: "$string($)" } } }
`;
/** Of each half; seen: 125 MiB of the gatehouse, 104 of the engine. */
const MAX_RESIDENT_KIB = 150 * 1024;
/** As a service has it. */
const [GATEHOUSE, ENGINE] = ["gatehouse", "engine"].map((half) => ["run", "--half", half]);

/** The most that a process ever had in memory. */
async function peakKiB(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(status.match(/VmHWM:\s+(\d+) kB/)?.[1]);
}

/** What is in a folder, by path, with the length of each file. */
async function inventory(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) paths.push(...await inventory(path));
    else paths.push(path);
  }
  return paths.sort();
}

let questions = 0;

/**
 * Waits until the agent has dealt with everything before: an offer of settings that it must refuse is answered, on this
 * connection or, if that broke, on the next.
 */
async function answers(platform: HostilePlatform): Promise<void> {
  const hash = utf8(`question ${++questions}`);
  const ask = () =>
    platform.say({ connectionSettings: { hash, opamp: { certificate: { privateKey: utf8("x") } } } });
  let asked = platform.sessions;
  ask();
  await eventually(
    () => {
      if (platform.sessions !== asked && platform.isGreeted) {
        asked = platform.sessions;
        ask();
      }
      return platform.messages.slice(-20);
    },
    (messages) =>
      messages.some(({ connectionSettingsStatus }) =>
        connectionSettingsStatus?.lastConnectionSettingsHash.toHex() === hash.toHex()
      ),
  );
}

Deno.test({
  name: `a platform that was taken over tries ${
    ATTACKS.length + ENDINGS.length
  } ways to get at data, and gets what the policy allows`,
  ignore: Deno.build.os !== "linux",
}, async () => {
  using folder = temporaryFolder();
  const executable = noExecutable === undefined
    ? (authority: string) => compileAgent(authority, `${folder.path}/sallyport`)
    : undefined;
  await using fleet = await Fleet.start(executable);
  await fleet.enrol();
  await Deno.writeTextFile(`${fleet.home}/policy.yaml`, POLICY);
  await Deno.mkdir(`${fleet.home}/data/in`, { recursive: true });
  const outside = `${fleet.home}/..`;
  await fleet.stopPlatform();
  const before = (await inventory(outside)).filter((path) => !path.startsWith(fleet.home));

  await using platform = await HostilePlatform.inPlaceOf(fleet);
  let agent = fleet.startAgent(GATEHOUSE);
  await agent.connected();
  const engine = fleet.startAgent(ENGINE);
  // An honest process on documents full of canaries, so that there is something to steal.
  platform.deploy({ copy: COPY_PROCESS });
  await fleet.drop("data/in/a.csv", `id,amount\n${CANARY},1\n${CANARY},not a number ${CANARY}\n`);
  await eventually(
    () => platform.messages,
    (messages) => messages.some(({ customMessage }) => customMessage),
  );

  // The same documents once more, by a process that tracks all that is in them: their owner has allowed no data.
  platform.deploy({ copy: COPY_PROCESS, spy: SPY_PROCESS });
  await eventually(
    () => platform.records,
    (records) =>
      records.some((each) => each.kind === "run-finished" && each.process === "spy" && each.documents.in > 0),
  );

  const attack = async ({ name, run }: Attack) => {
    run(platform);
    await answers(platform).catch((cause) => {
      throw new Error(`after "${name}" the agent says nothing any more: ${agent.tail()}`, { cause });
    });
  };
  const peaks: number[] = [];
  for (const each of ATTACKS) await attack(each);
  for (const each of ENDINGS) {
    await attack(each);
    peaks.push(await peakKiB(agent.child.pid));
    // Its waits before the next connection would grow to half a minute.
    assertEquals(await agent.stop(), 0);
    agent = fleet.startAgent(GATEHOUSE);
    await agent.connected();
  }
  const peak = Math.max(...peaks, await peakKiB(engine.child.pid));
  // From source the agent is larger from the start.
  if (executable) assert(peak < MAX_RESIDENT_KIB, `${peak} KiB`);
  await attack(LARGEST);

  const everything = platform.received.map((bytes) => new TextDecoder("latin1").decode(bytes)).join("\n");
  assert(everything.includes("a.csv"), "tracking came, which the policy allows");
  assert(!everything.includes(CANARY), "a piece of a document left");
  assert(!everything.includes("PRIVATE KEY"));
  assertEquals(await Deno.readTextFile(`${fleet.home}/policy.yaml`), POLICY);
  const after = (await inventory(outside)).filter((path) => !path.startsWith(fleet.home));
  assertEquals(after, before, "nothing appeared outside of the home");

  const { egress } = await fleet.json<{ egress: { class: string }[] }>(["status"]);
  assertEquals(egress.map((each) => each.class), ["logs", "status", "tracking"]);
  const aboutRequests = platform.messages.flatMap(({ customMessage }) =>
    customMessage?.capability === CUSTOM.logs ? [customMessage] : []
  );
  assertEquals(
    aboutRequests.filter(({ type, data }) => !["refused", "failed"].includes(type) || data.length > 1_000),
    [],
    "of what the policy denies, nothing left but short refusals",
  );
  assert(aboutRequests.length <= 4 * MAX_REFUSALS_A_MINUTE, `${aboutRequests.length} refusals`);
  const { requests } = await fleet.json<{ requests: unknown[] }>(["requests", "--all"]);
  assert(requests.length <= MAX_ENDED_REQUESTS, `${requests.length} rows`);
  assertEquals((await fleet.run(["egress", "verify"])).code, 0);
  assertEquals([await agent.stop(), await engine.stop()], [0, 0]);
});
