import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { haltedPolicy } from "../../src/gate/policy/policy.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { TRACKING } from "../../src/gate/tracking.ts";
import type { Policy } from "../../src/gate/policy/policy.ts";
import { composeBatch, judgeRecord } from "../../src/gate/batch.ts";
import type { RunFinished } from "../../src/protocol/payloads/tracking.ts";
import { trackingRecordSchema } from "../../src/protocol/payloads/tracking.ts";
import { RUN_STARTED } from "../support/records.ts";
import { policyWith, QUIET, spent } from "./support.ts";

const judgeTracking = (record: unknown, policy: Policy) => judgeRecord(TRACKING, record, policy, QUIET.now);

const NAME = "Müller 2026 (paid).csv";
const FAILED: RunFinished = {
  ...RUN_STARTED as unknown as RunFinished,
  kind: "run-finished",
  endedAt: "2026-01-01T00:00:01.000Z",
  outcome: "failed",
  documents: { in: 1, out: 0, filtered: 0, failed: 0 },
  bytesIn: 1,
  bytesOut: 0,
  fileCount: 2,
  files: [
    { role: "source", name: "b.csv", directory: "data/in", bytes: 1, documents: 1, failed: 0 },
    { role: "sink", name: "b.csv", directory: "data/out", bytes: 1, documents: 1, failed: 0 },
  ],
  error: {
    code: "file.missing",
    message: `data/in/${NAME} vanished before it was read to its end`,
    file: { name: NAME, directory: "data/in" },
  },
};
const key = (byte: number) => ({ nameKey: new Uint8Array(32).fill(byte) });
const shaped = (tracking: Parameters<typeof policyWith>[0]["tracking"], record = FAILED, byte = 1) => {
  const { verdict, payload } = judgeTracking(record, policyWith({ tracking }, key(byte)));
  assertEquals([verdict, trackingRecordSchema.safeParse(payload).success], ["shape", true]);
  return payload as RunFinished;
};

Deno.test("a record that fits its schema passes as it is", () => {
  assertEquals(judgeTracking(RUN_STARTED, DEFAULT_POLICY).payload as unknown, RUN_STARTED);
  assertEquals(judgeTracking(FAILED, DEFAULT_POLICY), { verdict: "allow", payload: FAILED });
});

Deno.test("a record with an unknown key, at whatever depth, or a text beyond its bound cannot pass", () => {
  const bad: [unknown, string][] = [
    [{ ...RUN_STARTED, customer: "Ada" }, "customer"],
    [{ ...FAILED, files: [{ ...FAILED.files[0], owner: "Ada" }] }, "files.0"],
    [{ ...FAILED, error: { ...FAILED.error, document: {} } }, "error"],
    [{ ...FAILED, documents: { ...FAILED.documents, sum: 1 } }, "documents"],
    [{ ...RUN_STARTED, process: "x".repeat(300) }, "process"],
    [{ ...FAILED, bytesIn: Infinity }, "bytesIn"],
    [{ ...FAILED, bytesIn: 1.5 }, "bytesIn"],
    [{ kind: "documents", rows: [] }, "kind"],
    ["text", ""],
    [undefined, ""],
  ];
  for (const [record, where] of bad) {
    const { verdict, reason } = judgeTracking(record, DEFAULT_POLICY);
    assertEquals(verdict, "drop");
    assertStringIncludes(reason!, where);
  }
});

Deno.test("a policy that denies tracking drops every record; one that cannot be used holds them", () => {
  assertEquals(judgeTracking(RUN_STARTED, policyWith({ tracking: { send: "deny" } })).verdict, "drop");
  assertEquals(judgeTracking(RUN_STARTED, haltedPolicy("broken")), { verdict: "hold", reason: "broken" });
});

Deno.test("hashed names are the same for the same name, others under another key, and tell nothing else", () => {
  const { files, error } = shaped({ names: "hashed", directories: "hashed" });
  for (const { name, directory } of files) {
    assert(/^hashed-[0-9a-f]{20}$/.test(name) && /^hashed-[0-9a-f]{20}$/.test(directory));
  }
  assertEquals(files[0]!.name, files[1]!.name);
  assert(files[0]!.directory !== files[1]!.directory);
  assertEquals(error!.file!.directory, files[0]!.directory);
  assertEquals(shaped({ names: "hashed" }).files[0]!.name, files[0]!.name);
  assert(shaped({ names: "hashed" }, FAILED, 2).files[0]!.name !== files[0]!.name);
});

Deno.test("where names are not plain no text quotes one, whatever characters are in it", () => {
  for (const names of ["hashed", "omitted"] as const) {
    const record = shaped({ names, directories: names });
    const text = JSON.stringify(record);
    for (
      const part of [
        "Müller",
        "paid",
        "2026 (",
        "b.csv",
        "data",
        "/in",
        "vanished before it was read to its end/",
      ]
    ) {
      assert(!text.includes(part), `${part} in ${text}`);
    }
    const { code, message, file } = record.error!;
    assertEquals([code, message], [
      "file.missing",
      `an input vanished before it was read to its end: ${file!.directory}/${file!.name}`,
    ]);
  }
  const internal = { ...FAILED, error: { code: "internal", message: "open '/srv/Müller GmbH/x.csv'" } };
  assertEquals(shaped({ names: "hashed" }, internal).error!.message, "the run met a defect of the agent");
  // Directories alone are enough to need it: the text quotes both.
  assert(!shaped({ directories: "hashed" }).error!.message.includes("data/in"));
});

Deno.test("omitted names differ within a run, so that it can be counted, and between runs", () => {
  const { files } = shaped({ names: "omitted", directories: "omitted" });
  assert(files.every(({ name, directory }) => /^omitted-[0-9a-f]{8}$/.test(name) && directory === "omitted"));
  assert(files[0]!.name !== files[1]!.name);
  const other = { ...FAILED, runId: "01890a5d-ac96-774b-bcce-b302099a8058" };
  assert(shaped({ names: "omitted" }, other).files[0]!.name !== files[0]!.name);
  assertEquals(shaped({ names: "omitted" }).files[0]!.name, files[0]!.name);
});

Deno.test("the words of an error lose their secrets, those of the owner's rules too", () => {
  const rule = { name: "invoice", find: (text: string) => [{ start: 0, end: text.indexOf(" ") }] };
  const error = { code: "internal", message: "F-17 of ada@example.com" };
  const { payload } = judgeTracking({ ...FAILED, error }, policyWith({}, { ownRules: [rule] }));
  assertEquals((payload as RunFinished).error!.message, "[redacted: invoice] of [redacted: e-mail address]");
});

Deno.test("a batch ends before what is held, and passes over what is dropped", () => {
  const put = (...records: unknown[]) => records.map((payload, i) => ({ seq: i + 5, payload }));
  const bad = { ...RUN_STARTED, customer: "Ada" };
  const batch = composeBatch(TRACKING, put(bad, RUN_STARTED, FAILED, bad), DEFAULT_POLICY, QUIET);
  assertEquals([batch.records.map(({ seq }) => seq), batch.through, batch.held], [[6, 7], 8, undefined]);
  assertEquals(batch.dropped.map(({ seq }) => seq), [5, 8]);

  const budget = DEFAULT_POLICY.options.tracking.bytesPerDay;
  const tight = composeBatch(
    TRACKING,
    put(bad, RUN_STARTED, FAILED),
    DEFAULT_POLICY,
    spent({ tracking: budget - 900 }),
  );
  assertEquals([tight.records.map(({ seq }) => seq), tight.through], [[6], 6]);
  assertStringIncludes(tight.held!, "512 MiB a day");
  const used = composeBatch(TRACKING, put(RUN_STARTED), DEFAULT_POLICY, spent({ tracking: budget }));
  assertEquals([used.records, used.through], [[], undefined]);

  const denied = composeBatch(
    TRACKING,
    put(RUN_STARTED, FAILED),
    policyWith({ tracking: { send: "deny" } }),
    QUIET,
  );
  assertEquals([denied.records, denied.through, denied.dropped.length], [[], 6, 2]);
  assertEquals(composeBatch(TRACKING, [], DEFAULT_POLICY, QUIET).through, undefined);
});
